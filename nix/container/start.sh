#!/bin/sh
# Starts the program, with the flags that its compiled code was kept for: other flags, and it is compiled again.
# Little memory for what dies young, and all of it at once: see nix/start.sh.
exec node --enable-source-maps --min-semi-space-size=8 --max-semi-space-size=8 --initial-old-space-size=64 --max-old-space-size=512 \
  /app/functions/index.mjs --source=/app/functions/index.mjs --target=registry --signature-type=http --ignored-routes= "$@"
