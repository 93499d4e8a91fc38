import { constants } from 'node:fs';
import { chmod, mkdtemp, open, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { evaluate } from './evaluate.ts';
import { laterCall } from './later-call.ts';
import type { Nix, NixCall, ResolveRequest } from './nix.ts';
import { logTail, run } from './process.ts';

/** An evaluation of `resolve.nix` that waits for names, or is on its way there. */
export interface WaitingEvaluation {
  /**
   * What Nix prints for these names; undefined when the evaluation had ended before. To be asked once.
   *
   * @throws ProcessError when Nix gives up, is stopped or takes too long
   */
  answer(attributes: readonly string[], call: NixCall): Promise<string | undefined>;
  end(): Promise<void>;
}

/**
 * Begins an evaluation: Nix starts, reads the package set, evaluates the names that are given here, and waits.
 *
 * @param more.processorSeconds what it may take in all: nobody waits for it who would end it
 * @param more.failed is told when it ends before it is asked, and was not to
 * @throws Error of the file system, ProcessError
 */
export async function waitingEvaluation(
  nix: Nix,
  { source, system, attributes }: ResolveRequest,
  {
    processorSeconds,
    failed,
  }: { readonly processorSeconds?: number | undefined; readonly failed: (error: unknown) => void },
): Promise<WaitingEvaluation> {
  const later = laterCall();
  const said = logTail();
  let hear = said.add;
  let isAsked = false;
  let hasEnded = false;
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'nixery-ahead-'));
  const [gate, asked] = [join(folder, 'gate'), join(folder, 'asked.json')];
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    // Nix may run as another user, and this process may let nobody read what it makes.
    await Promise.all([
      chmod(folder, 0o711),
      writeFile(asked, '').then(() => chmod(asked, 0o644)),
      run('mkfifo', ['-m', '644', gate], { env: nix.environment }),
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  const evaluation = {
    ...{ file: 'resolve.nix', source, readable: folder, flags: ['--strict', '--json'] },
    request: { source, system, ahead: { attributes, gate, asked } },
    ...(processorSeconds !== undefined && { processorSeconds }),
  };
  const onStderr = (chunk: Buffer): void => {
    hear(chunk);
  };
  const printed = evaluate(nix, evaluation, { signal: later.signal, onStderr }).finally(() => {
    hasEnded = true;
  });
  const ended = printed
    .then(
      () => undefined,
      (error: unknown) => {
        if (!isAsked && !later.signal.aborted) failed(error);
      },
    )
    .finally(remove);

  /** Lets it go on as soon as it has come to the gate. False when it ended before. */
  async function goOn(): Promise<boolean> {
    while (!hasEnded) {
      if (await openGate(gate)) return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  return {
    answer(names, call) {
      isAsked = true;
      if (hasEnded) return Promise.resolve(undefined);
      if (call.onStderr !== undefined) {
        const before = said.lines();
        if (before.length > 0) call.onStderr(Buffer.from(`${before.join('\n')}\n`));
        hear = call.onStderr;
      }
      return later.during(call, async () => {
        try {
          await writeFile(asked, JSON.stringify(names));
        } catch (error) {
          // The folder goes with the evaluation. Where it cannot be written, another evaluation has no need of it.
          if (!hasEnded) failed(error);
          later.end();
          return undefined;
        }
        // What was ended by the call says so, and another evaluation would be late as well.
        return (await goOn()) || later.signal.aborted ? printed : undefined;
      });
    },
    async end() {
      later.end();
      await ended;
    },
  };
}

/** Between two looks at whether an evaluation that is asked early has come to its gate. */
const POLL_MS = 2;

/**
 * Opens a FIFO to write, and closes it: who waited to read it goes on. False when nobody waits.
 *
 * @see fifo(7)
 */
async function openGate(gate: string): Promise<boolean> {
  try {
    const handle = await open(gate, constants.O_WRONLY | constants.O_NONBLOCK);
    await handle.close();
    return true;
  } catch (error) {
    // ENOENT: it is gone with the evaluation.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO' || code === 'ENOENT') return false;
    throw error;
  }
}
