import { Storage } from '@google-cloud/storage';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { objectKey } from '../../functions/storage/object-key.ts';
import { keySigner } from '../../functions/storage/gcs/key-signer.ts';
import { PUBLIC_ENDPOINT } from '../../functions/storage/gcs/signed-url.ts';

/** npm run bench:signing: what a signature costs, beside what the client library's costs. */

const ROUNDS = 7;
const SIGNATURES = 300;

const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string;
const account = 'signer@team.iam.gserviceaccount.com';
/** Each object once: the same one is not signed again within a second. */
let objects = 0;
const nextKey = () => objectKey('layers', (objects++).toString(16).padStart(64, '0'));
const ours = keySigner({ bucket: 'team', endpoint: PUBLIC_ENDPOINT }, { key: createPrivateKey(pem), account });
const library = new Storage({ projectId: 'unused', credentials: { client_email: account, private_key: pem } });
const libraryBucket = library.bucket('team');

async function millisecondsEach(sign: () => unknown): Promise<number> {
  const started = performance.now();
  for (let count = 0; count < SIGNATURES; count++) await sign();
  return (performance.now() - started) / SIGNATURES;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const measured = { ours: [] as number[], theirs: [] as number[] };
// In turns, so that what else the machine does hits both.
for (let round = 0; round < ROUNDS; round++) {
  measured.ours.push(await millisecondsEach(() => ours.urlOf(nextKey())));
  measured.theirs.push(
    await millisecondsEach(() =>
      libraryBucket.file(nextKey()).getSignedUrl({ version: 'v4', action: 'read', expires: Date.now() + 300_000 }),
    ),
  );
}
process.stdout.write(
  `ms per signed URL (median of ${ROUNDS} rounds of ${SIGNATURES}): ` +
    `nixery-run ${median(measured.ours).toFixed(3)}, the client library ${median(measured.theirs).toFixed(3)}\n`,
);
