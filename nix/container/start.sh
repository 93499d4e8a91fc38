#!/bin/sh
# Starts the program, with the flags that its compiled code was kept for: other flags, and it is compiled again.
# What they are for, nix/start.sh says.
set -eu
node_flags=$(cat /app/node-flags)
# shellcheck disable=SC2086 # They are several.
exec node --enable-source-maps $node_flags \
  /app/functions/index.mjs --source=/app/functions/index.mjs --target=registry --signature-type=http --ignored-routes= "$@"
