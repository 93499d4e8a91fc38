import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../support/http/request.ts';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, startRegistry } from '../support/service/registry-process.ts';
import type { Benchmark } from './figure.ts';

const READERS = 5_000;
/** Of each second one; the others read nothing. */
const READ_BYTES = 1_000_000;
const MOST_BESIDE_MB = 400;
const MOST_LEFT_MB = 60;
const SETTLE_MS = 5_000;
/** For how long the server is looked at that closes their connections and gives memory back: the least counts. */
const LEAVE_MS = 30_000;

/** The memory that clients take who begin to read a layer of 30 MB and stop, and what of it stays when they have left. */
export const stalledReaders: Benchmark = {
  name: 'stalled-readers',
  async measure(setting) {
    const [before, beside, after]: number[][] = [[], [], []];
    for (let run = 0; run < setting.runs; run++) {
      await using registry = await startRegistry({
        NIXERY_PKGS_PATH: fixturePackages,
        STORAGE_PATH: await setting.folder(),
      });
      const { body } = await request(registry.origin, 'GET', '/v2/random/manifests/latest');
      const { layers } = JSON.parse(body.toString()) as { layers: { digest: string; size: number }[] };
      const [largest] = layers.sort((a, b) => b.size - a.size);
      const blob = `/v2/random/blobs/${largest?.digest ?? ''}`;
      await request(registry.origin, 'GET', blob);
      await sleep(SETTLE_MS);
      before?.push(await residentMb(registry.pid));
      const { port } = new URL(registry.origin);
      const child = `${projectFolder}test/support/http/stalled-crowd.ts`;
      const crowd = spawn(process.execPath, [child, port, blob, String(READERS), String(READ_BYTES)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const ended = once(crowd, 'exit');
      let printed = '';
      crowd.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
      while (!printed.includes('stalled\n')) await once(crowd.stdout, 'data');
      beside?.push(await residentMb(registry.pid));
      crowd.stdin.end();
      await ended;
      let leastMb = Infinity;
      const untilMs = performance.now() + LEAVE_MS;
      while (performance.now() < untilMs) {
        await sleep(1_000);
        leastMb = Math.min(leastMb, await residentMb(registry.pid));
      }
      after?.push(leastMb);
    }
    const floor = { what: 'the same process before', values: before ?? [] };
    return [
      {
        name: `memory beside ${READERS} readers that stand still`,
        ...{ unit: 'MB', values: beside ?? [], floor, atMost: MOST_BESIDE_MB },
      },
      {
        name: 'memory when they have left',
        ...{ unit: 'MB', values: after ?? [], floor, atMost: Math.min(...floor.values) + MOST_LEFT_MB },
      },
    ];
  },
};

/** Resident memory of a process, in MB. */
async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6;
}
