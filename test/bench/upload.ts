import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { publishBlob } from '../../functions/storage/publish-blob.ts';
import { bucketClient } from '../../functions/storage/gcs/client.ts';
import { bucketStore } from '../../functions/storage/gcs/store.ts';
import { type Benchmark, seconds } from './figure.ts';

const BLOB_BYTES = 300_000_000;
/** What a thread gives at once. */
const PIECE_BYTES = 512 * 1024;
/** Of the time that one core needs for the two digests: SHA-256, which is the name, and MD5, which the bucket compares. */
const MOST_OF_FLOOR = 2;

/** A blob on its way into a bucket, from the first byte until it is published. */
export const upload: Benchmark = {
  name: 'upload',
  async measure({ runs }) {
    const child = fork(join(import.meta.dirname, 'bucket-child.ts'), {
      // What a socket gives dies at once, so that it is best collected often.
      execArgv: ['--max-semi-space-size=1'],
      env: { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
    });
    const exited = once(child, 'exit');
    try {
      const [{ name, endpoint, env }] = (await once(child, 'message')) as [
        { name: string; endpoint: string; env: Record<string, string> },
      ];
      Object.assign(process.env, env);
      const { bucket } = await bucketClient(name, { apiEndpoint: endpoint });
      const store = bucketStore(bucket);
      const values: number[] = [];
      const floor: number[] = [];
      for (let round = 0; round <= runs; round++) {
        const took = await seconds(() => publishBlob(store, inTurn(pieces(round))));
        // In the first one everything is new, memory too.
        if (round === 0) continue;
        values.push(took);
        floor.push(digestSeconds(round));
      }
      const what = 'both digests of these bytes on one core';
      return [
        {
          name: '300 MB into a bucket',
          unit: 's',
          values,
          floor: { what, values: floor },
          atMostOfFloor: MOST_OF_FLOOR,
        },
      ];
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  },
};

const piece = randomBytes(PIECE_BYTES);

/** Different bytes in each round, in memory that is used again, as a thread's is. */
function* pieces(round: number): Generator<Buffer, void, void> {
  for (let sent = 0; sent < BLOB_BYTES; sent += piece.length) {
    piece.writeUInt32LE(sent, 0);
    piece.writeUInt32LE(round, 4);
    yield piece;
  }
}

async function* inTurn(chunks: Iterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

function digestSeconds(round: number): number {
  const digests = [createHash('sha256'), createHash('md5')];
  const startMs = performance.now();
  for (const bytes of pieces(round)) for (const digest of digests) digest.update(bytes);
  return (performance.now() - startMs) / 1000;
}
