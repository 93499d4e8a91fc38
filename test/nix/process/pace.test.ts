import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';
import { paced } from '../../../functions/nix/process/pace.ts';

/** Reads what `bytes` zeros are, and how long it took. */
async function read(bytes: number, burstBytes: number): Promise<{ bytes: number; tookMs: number; pauses: number }> {
  const child = spawn('head', ['-c', String(bytes), '/dev/zero'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const startMs = performance.now();
  let [got, pauses] = [0, 0];
  child.stdout.on('pause', () => pauses++);
  child.stdout.on('data', (chunk: Buffer) => (got += chunk.length));
  paced(child.stdout, { burstBytes, bytesPerSecond: 4_000_000 });
  await new Promise((resolve) => child.stdout.once('end', resolve));
  return { bytes: got, pauses, tookMs: performance.now() - startMs };
}

describe('a stream that is read at a pace', () => {
  it('comes whole, and no faster than that after the first burst', async () => {
    const { bytes, tookMs } = await read(3_000_000, 1_000_000);
    assert.equal(bytes, 3_000_000);
    assert.ok(tookMs > 450, `2 MB at 4 MB/s came within ${tookMs} ms`);
  });

  it('does not wait when it is short', async () => {
    const { bytes, pauses } = await read(3_000_000, 1_000_000_000);
    assert.deepEqual([bytes, pauses], [3_000_000, 0]);
  });
});
