import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease, Leases } from '../../storage/leases.ts';

/** Between two looks at a build of another instance: the first at once, then more and more seldom. */
const POLL_MS = [100, 200, 400, 800];

/** One build, as the instances share it. */
export interface SharedBuild<T> {
  readonly key: string;
  /** What became of it, here or at another instance; undefined when nothing is known. */
  readonly look: () => Promise<T | undefined>;
  /** Does it, under the lease. */
  readonly make: () => Promise<T>;
}

/** Of all instances one makes what they all want, and the others find what it made. */
export interface LeasedBuilds {
  /** @throws whatever `make` throws, and the reason of the signal */
  run<T>(build: SharedBuild<T>): Promise<T>;
  /** Waits until leases that are on their way back have arrived. */
  returned(): Promise<void>;
}

/** @param world `signal`: takes no lease and looks no more after its abort */
export function leasedBuilds(world: { readonly leases: Leases; readonly signal: AbortSignal }): LeasedBuilds {
  const { leases, signal } = world;
  const releases = new Set<Promise<unknown>>();

  /** Nobody waits for that: whoever looks for what was made finds it before the lease. */
  function giveBack(lease: Lease): void {
    const releasing: Promise<unknown> = lease.release().finally(() => releases.delete(releasing));
    releases.add(releasing);
  }

  /** Undefined while another instance has the lease. */
  async function makeWithLease<T>({ key, look, make }: SharedBuild<T>): Promise<T | undefined> {
    const lease = await leases.take(key, { signal });
    if (lease === undefined) return undefined;
    try {
      signal.throwIfAborted();
      // The holder before may have ended between the last look and now.
      return (await look()) ?? (await make());
    } finally {
      giveBack(lease);
    }
  }

  return {
    async run(build) {
      for (let look = 0; ; look++) {
        signal.throwIfAborted();
        const outcome = (await build.look()) ?? (await makeWithLease(build));
        if (outcome !== undefined) return outcome;
        await sleep(POLL_MS[Math.min(look, POLL_MS.length - 1)], undefined, { signal });
      }
    },

    async returned() {
      await Promise.all(releases);
    },
  };
}
