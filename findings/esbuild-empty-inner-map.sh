#!/bin/sh
# esbuild 0.28.2: a file that brings a source map without a single mapping (valid: ECMA-426 asks for none) is treated as one
# that brings no map. The bundle's map then leads into the file itself, line by line, and has all of its text. With one
# mapping, of the file's first character, it is taken at its word.
# Seen: the source is `library.js` with its text, for the empty map; `original.ts` without a text, for the other.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @esbuild/linux-x64@0.28.2

sourceOf() { # MAPPINGS: what a bundle's map says of a library with these
  map=$(printf '{"version":3,"sources":["original.ts"],"mappings":"%s"}' "$1" | base64 -w 0)
  printf 'export const value = 1;\n//# sourceMappingURL=data:application/json;base64,%s\n' "$map" > library.js
  printf 'import { value } from "./library.js";\nconsole.log(value);\n' > main.js
  node_modules/@esbuild/linux-x64/bin/esbuild main.js --bundle --sourcemap --outfile=out.js --log-level=error
  tr -d '\n ' < out.js.map | sed -E 's/.*"sources":\["([^"]*)".*"sourcesContent":\[(null|").*/\1 \2/; s/"$/with its text/; s/null$/without a text/'
}
empty=$(sourceOf '')
one=$(sourceOf AAAA)
echo "no mapping: $empty; one mapping: $one"
[ "$empty" = 'library.js with its text' ] && [ "$one" = 'original.ts without a text' ]
