import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from './http/request.ts';

/** Rates of pulls of what is there, beside one neighbour and beside another, in windows that took turns. */
export interface NeighbourRates {
  /** Requests a second while a hostile build runs. */
  readonly hostile: readonly number[];
  /** The same while that stands still and a process of its weight spins, which does nothing to the registry. */
  readonly harmless: readonly number[];
}

const CONNECTIONS = 8;
/** Short beside what else changes on a machine, long beside a request. */
const WINDOW_MS = 250;
const WINDOWS = 10;

/**
 * Measures pulls of an image that is there while another one is built.
 *
 * @param path of the manifest that is there
 * @param hostile path of the one whose build is no good; it has to run for some seconds
 * @returns fewer windows where the build ended before; and its answer
 */
export async function ratesBeside(origin: string, path: string, hostile: string) {
  const before = new Set(processes().map(({ pid }) => pid));
  const answering = request(origin, 'GET', hostile);
  const over = new AbortController();
  const end = (): void => {
    over.abort();
  };
  answering.then(end, end);
  // As functions/nix/process/launch.ts has it for Nix.
  const spinning = spawn(
    'setsid',
    ['nice', '-n', '10', 'sh', '-c', '{ echo 10 >/proc/self/autogroup; } 2>/dev/null; while :; do :; done'],
    { stdio: 'ignore' },
  );
  const rates = { hostile: [] as number[], harmless: [] as number[] };
  try {
    spinning.kill('SIGSTOP');
    await sleep(300);
    for (let turn = 0; turn < WINDOWS; turn++) {
      const rate = await pullsPerSecond(origin, path, WINDOW_MS);
      if (over.signal.aborted) break;
      rates.hostile.push(rate);
      const still = builders(before, spinning);
      signal(still, 'SIGSTOP');
      spinning.kill('SIGCONT');
      rates.harmless.push(await pullsPerSecond(origin, path, WINDOW_MS));
      spinning.kill('SIGSTOP');
      signal(still, 'SIGCONT');
    }
  } finally {
    spinning.kill('SIGKILL');
  }
  return { rates: rates satisfies NeighbourRates, answering };
}

async function pullsPerSecond(origin: string, path: string, windowMs: number): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  const pull = async (): Promise<void> => {
    while (performance.now() < startMs + windowMs) {
      assert.equal((await request(origin, 'GET', path)).status, 200);
      count++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, pull));
  return (count * 1000) / (performance.now() - startMs);
}

/** How nice all is that runs below the registries that this process has started (getpriority(2)). */
export function nicenessBelowRegistries(): readonly number[] {
  const all = processes();
  const below = new Set(builders(new Set()));
  return all.flatMap(({ pid, niceness }) => (below.has(pid) ? [niceness] : []));
}

/** What runs below the registries that this process has started, but for what it has started itself. */
function builders(before: ReadonlySet<number>, spinning?: ChildProcess): number[] {
  const all = processes();
  const mine = new Set(all.filter(({ parent }) => parent === process.pid).map(({ pid }) => pid));
  const below = new Set<number>();
  for (let grown = -1; grown < below.size;) {
    grown = below.size;
    for (const { pid, parent } of all) if ((mine.has(parent) || below.has(parent)) && !before.has(pid)) below.add(pid);
  }
  below.delete(spinning?.pid ?? 0);
  return [...below];
}

function processes(): { readonly pid: number; readonly parent: number; readonly niceness: number }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // proc(5): fields 4 and 19, behind the name.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ pid: Number(name), parent: Number(fields[1]), niceness: Number(fields[16]) }];
    } catch {
      return []; // It has ended since.
    }
  });
}

function signal(pids: readonly number[], name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended since.
    }
  }
}
