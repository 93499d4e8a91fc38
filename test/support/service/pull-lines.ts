import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryProcess } from './registry-process.ts';

/** What a registry writes may come a moment after its answer. */
const LATE_MS = 30_000;

/** The audit line of a pull of this image. @param which of its pulls: the first by this reference, or the `nth` */
export async function pullLine(
  { log }: Pick<RegistryProcess, 'log'>,
  image: string,
  { reference = 'latest', nth = 1 }: { readonly reference?: string; readonly nth?: number } = {},
): Promise<Record<string, unknown>> {
  const deadlineMs = Date.now() + LATE_MS;
  for (;;) {
    const lines = log.filter(({ message, ...line }) => message === 'pull' && line['image'] === image);
    const found = lines.filter((line) => line['reference'] === reference)[nth - 1];
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadlineMs, `there is no line of pull ${nth} of ${image}:${reference}`);
    await sleep(20);
  }
}
