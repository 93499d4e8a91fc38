import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf, startBucket } from './server.ts';

/** npm run bucket: a bucket to try nixery-run with, without Google. PORT and BUCKET are taken from the environment. */

const { PORT = '4443', BUCKET = 'team-bucket' } = process.env;
const double = await startBucket({ port: Number(PORT), bucket: BUCKET });
const folder = await mkdtemp(join(tmpdir(), 'nixery-bucket-'));
const keyFile = join(folder, 'signer.pem');
await writeFile(keyFile, double.signer.privateKey, { mode: 0o600 });

const lines = (variables: Record<string, string>) =>
  Object.entries(variables).map(([name, value]) => `  export ${name}=${value}`);
process.stdout.write(
  [
    `The bucket ${BUCKET} is at ${double.endpoint}, until Ctrl-C. It refuses what nobody signed.`,
    '',
    'In another terminal, with a key that was made just now:',
    '',
    ...lines({ ...environmentOf(double), GCS_SIGNING_KEY: keyFile, GCS_SIGNING_ACCOUNT: double.signer.account }),
    '  npm start',
    '',
    'or without a key, through what stands in for the IAM API:',
    '',
    ...lines({ ...environmentOf(double), GCS_SIGNING_ACCOUNT: double.account }),
    '  npm start',
    '',
    'Then pull from 127.0.0.1 (not from localhost, or a client would send its password on to the bucket):',
    '',
    '  docker run --rm 127.0.0.1:8080/hello',
    '',
    '',
  ].join('\n'),
);
