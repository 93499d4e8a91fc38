/** Lets many in at once, or one alone. Who wants to be alone waits for those inside, and nobody else comes in before. */
export interface SharedGate {
  /** Runs `work` beside others. */
  shared<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` while nobody else is inside. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export function sharedGate(): SharedGate {
  const inside = new Set<Promise<unknown>>();
  /** Ends when the last of those who wanted to be alone so far has left. */
  let closed: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  async function enter<T>(work: () => Promise<T>): Promise<T> {
    while (waiting > 0) await closed;
    const working = work();
    const settled = working.catch(() => undefined); // Its failure is the caller's.
    inside.add(settled);
    try {
      return await working;
    } finally {
      inside.delete(settled);
    }
  }

  return {
    shared: enter,
    async alone(work) {
      const before = closed;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      closed = promise;
      waiting++;
      try {
        await before;
        await Promise.all(inside);
        return await work();
      } finally {
        waiting--;
        resolve(undefined);
      }
    },
  };
}
