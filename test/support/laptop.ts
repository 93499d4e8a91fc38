import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectFolder } from './service/registry-process.ts';

/**
 * A machine as a person has it, for commands that are run as they are printed: with ports of its own, this project in its
 * folder, whose changes are in memory, and no network but itself. Root only.
 */
export interface Laptop extends AsyncDisposable {
  /** What starts a program there: the first words of its command line. */
  readonly enter: readonly string[];
  /** Runs a command of a shell to its end, and gives all that it prints. @throws Error with that when it fails */
  shell(command: string, typed?: string): Promise<string>;
  /** Starts one that does not end, and waits until it prints what it is ready with. */
  start(command: string, ready: RegExp): Promise<AsyncDisposable>;
}

/** A process that ends when this one does, however: with a signal, whose name follows (PR_SET_PDEATHSIG in prctl(2)). */
const WITH_US = ['--pdeathsig'];

/** @param env added to what commands see @throws Error with what was printed when the machine cannot be made */
export async function startLaptop(env: Readonly<Record<string, string>>): Promise<Laptop> {
  const memory = await mkdtemp(join(tmpdir(), 'nixery-laptop-'));
  const folder = projectFolder.replace(/\/$/, '');
  const script = `
ip link set lo up
mount -t tmpfs tmpfs ${memory}
mkdir ${memory}/upper ${memory}/work
mount -t overlay -o lowerdir=${folder},upperdir=${memory}/upper,workdir=${memory}/work overlay ${folder}
echo made
exec sleep infinity`;
  const holder = spawn('setpriv', [...WITH_US, 'KILL', 'unshare', '--mount', '--net', 'sh', '-ec', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const made = once(createInterface(holder.stdout), 'line');
  await Promise.race([made, once(holder, 'exit').then(() => Promise.reject(new Error('no namespace of its own')))]);
  const enter = ['nsenter', `--target=${String(holder.pid)}`, '--mount', '--net', `--wdns=${folder}`];
  const begin = (command: string): { readonly child: ChildProcess; readonly printed: () => string } => {
    const child = spawn('setpriv', [...WITH_US, 'TERM', ...enter, 'bash', '-c', command], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A command and all that it started is ended together.
      detached: true,
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (printed += bytes.toString()));
    return { child, printed: () => printed };
  };
  return {
    enter,
    async shell(command, typed = '') {
      const { child, printed } = begin(command);
      child.stdin?.end(typed);
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(`${command}\n${printed()}`);
      return printed();
    },
    async start(command, ready) {
      const { child, printed } = begin(command);
      const ended = once(child, 'close');
      while (!ready.test(printed())) {
        await Promise.race([once(child.stdout ?? child, 'data'), once(child.stderr ?? child, 'data'), ended]);
        if (child.exitCode !== null) throw new Error(`${command} ended\n${printed()}`);
      }
      return {
        async [Symbol.asyncDispose]() {
          process.kill(-(child.pid ?? 0), 'SIGTERM');
          await ended;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      const ended = once(holder, 'exit');
      holder.kill('SIGKILL');
      await ended;
      await rm(memory, { recursive: true });
    },
  };
}
