/** How many objects are asked for at once: a bucket answers after some 30 ms each. */
const AT_ONCE = 16;

/**
 * Does `work` for each item, several at once, and no more of them are in memory. After the first failure no more is begun;
 * it is thrown when what was begun has ended.
 */
export async function eachOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
  atOnce: number = AT_ONCE,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    if (failures.length > 0) break;
    const one = work(item)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= atOnce) await Promise.race(running);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
