#!/bin/sh
# Starts the program, with the flags that its compiled code was kept for: other flags, and it is compiled again.
# Which they are, and why, nix/start.sh says.
read -r node_flags </app/node-flags
# shellcheck disable=SC2086 # They are several.
exec node --enable-source-maps $node_flags \
  /app/functions/index.mjs --source=/app/functions/index.mjs --target=registry --signature-type=http --ignored-routes= "$@"
