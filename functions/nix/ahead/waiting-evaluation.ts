import { constants } from 'node:fs';
import { open, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { evaluate } from '../evaluate/evaluate.ts';
import { laterCall } from '../later-call.ts';
import type { Nix, NixCall, ResolveRequest } from '../nix.ts';
import { run } from '../process/process.ts';
import { logTail } from '../process-error.ts';
import { ProcessError } from '../process-error.ts';
import { afterMark } from './after-mark.ts';

/** An evaluation of `resolve.nix` that waits for names, or is on its way there. */
export interface WaitingEvaluation {
  /**
   * What Nix prints for these names. Undefined when it did not come to that: why, an evaluation of these names alone says,
   * since this one has done more than that. To be asked once.
   *
   * @throws ProcessError when the call is aborted or takes too long
   */
  answer(attributes: readonly string[], call: NixCall): Promise<string | undefined>;
  end(): Promise<void>;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
}

/** What `resolve.nix` traces last before it waits. */
const AT_THE_GATE = 'trace: waits for names';

/**
 * Makes a folder with the FIFO and the file of the names, and prints where. Whatever the umask is, nobody else can open them,
 * but for the group that this runs as when they are for that.
 */
const MAKE_GATE = `
folder=$(mktemp -d "$1/nixery-ahead-XXXXXX")
mkfifo -m "$3" "$folder/gate"
: >"$folder/asked.json"
chmod "$3" "$folder/asked.json"
chmod "$2" "$folder"
printf %s "$folder"
`;

/**
 * Where Nix runs as another user, its group gets what it needs of the folder. Who may start Nix so may take that group,
 * and perhaps not give it to files.
 *
 * @throws ProcessError
 */
async function makeGate({ user, environment: env }: Nix): Promise<string> {
  const script = (...args: readonly string[]) => ['-ec', MAKE_GATE, 'sh', tmpdir(), ...args];
  const folder = await (user === undefined
    ? run('sh', script('700', '600'), { env })
    : run('setpriv', [`--regid=${user.group}`, '--clear-groups', '--', 'sh', ...script('710', '640')], { env }));
  // As restricted evaluation will see it.
  return realpath(folder);
}

/**
 * Begins an evaluation: Nix starts, reads the package set, evaluates the names that are given here, and waits.
 *
 * @param world.timeoutMs how long it may take until it waits, in milliseconds
 * @param world.lost is told why it will answer nobody, when nobody had asked yet or its files are the reason
 * @throws Error of the file system, ProcessError
 */
export async function waitingEvaluation(
  nix: Nix,
  { source, system, attributes }: ResolveRequest,
  world: { readonly timeoutMs: number; readonly log: Pick<Logger, 'warn'>; readonly lost: (error: unknown) => void },
): Promise<WaitingEvaluation> {
  const { timeoutMs, log, lost } = world;
  const folder = await makeGate(nix);
  const [gate, asked] = [join(folder, 'gate'), join(folder, 'asked.json')];
  async function remove(): Promise<void> {
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      log.warn({ err: error }, 'the folder of an evaluation cannot be removed');
    }
  }
  const later = laterCall();
  const said = logTail();
  let hear = said.add;
  let isAsked = false;
  let hasEnded = false;
  const evaluation = {
    ...{ file: 'resolve.nix', source, readable: folder, flags: ['--strict', '--json'] },
    request: { source, system, ahead: { attributes, gate, asked } },
  };
  // What is written of its own names is not of those that are asked for.
  const onStderr = afterMark(`${AT_THE_GATE}\n`, {
    before: said.add,
    after(chunk) {
      hear(chunk);
    },
  });
  const printed = evaluate(nix, evaluation, { signal: later.signal, onStderr }).finally(() => {
    hasEnded = true;
    clearTimeout(deadline);
  });
  // Nobody waits for it yet who would end it.
  const deadline = setTimeout(() => {
    if (isAsked || said.lines().includes(AT_THE_GATE)) return;
    lost(new Error(`it did not come to wait for names within ${timeoutMs} ms`));
    later.end();
  }, timeoutMs).unref();
  const ended = printed
    .then(
      () => undefined,
      (error: unknown) => {
        if (!isAsked && !later.signal.aborted) lost(error);
      },
    )
    .then(remove);

  /** Says the names, and opens the gate as soon as somebody waits behind it. */
  async function tell(names: readonly string[]): Promise<void> {
    await writeFile(asked, JSON.stringify(names));
    while (!hasEnded && !(await openGate(gate))) await sleep(POLL_MS);
  }

  /** Somebody else may have had the FIFO open to read, before Nix came to it. */
  async function keepOpening(): Promise<void> {
    while (!hasEnded) {
      await sleep(POLL_AGAIN_MS, undefined, { ref: false });
      // Where it cannot be opened any more, it is gone with the evaluation, or the call's deadline ends that.
      await openGate(gate).catch(() => false);
    }
  }

  return {
    ended,
    answer(names, call) {
      isAsked = true;
      return later.during(call, async (stop) => {
        // Before the gate opens: from then on Nix may write.
        hear = call.onStderr ?? hear;
        try {
          await tell(names);
        } catch (error) {
          // The files go with the evaluation.
          if (!hasEnded) lost(error);
          later.end();
          if (!stop.aborted) return undefined;
        }
        void keepOpening();
        try {
          return await printed;
        } catch (error) {
          // What was ended by its call says so: another evaluation would be late as well.
          if (stop.aborted || !(error instanceof ProcessError)) throw error;
          return undefined;
        }
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
/** The same, for one that seems to have come. */
const POLL_AGAIN_MS = 200;

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
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return false;
    throw error;
  }
}
