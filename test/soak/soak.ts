import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../fuzz/random.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { pullWhole } from '../support/http/request.ts';
import { type Kind, KINDS, trafficTo } from './traffic.ts';
import { type Usage, usageOf } from './usage.ts';

export interface SoakReport {
  readonly samples: readonly Usage[];
  readonly counts: Readonly<Record<Kind, number>>;
  /** What came that may not, in words; the soak ends after some. */
  readonly findings: readonly string[];
  /** Of the server, at SIGTERM. */
  readonly exitCode: number | null;
}

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  /** At most; then it ends. */
  readonly requests: number;
  readonly onSample?: (usage: Usage) => void;
}

/** Of any three of so many packages images can be made: more than a soak asks for. */
const PACKAGES = 60;
const KNOWN = 'known/p0/p1';
const CLIENTS = 4;
/** Few enough that the server is measured, and not only the machine. */
const PAUSE_MS = 20;
/** A new image takes a processor for a while: of forty requests one is for one. */
const WEIGHTS: Readonly<Record<Kind, number>> = { known: 24, new: 1, cut: 8, unknown: 7 };
const SAMPLES = 40;
const MAX_FINDINGS = 20;

/** Mixed traffic to a server of its own, which it starts and stops, with what that has of memory, descriptors and processes meanwhile. */
export async function soak({ seconds, seed, requests, onSample }: SoakOptions): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), 'nixery-soak-'));
  const names = Array.from({ length: PACKAGES }, (_, index) => `p${index}`);
  const samples: Usage[] = [];
  const findings: string[] = [];
  const counts: Record<Kind, number> = { known: 0, new: 0, cut: 0, unknown: 0 };
  try {
    await using registry = await startRegistry({
      NIXERY_PKGS_PATH: await packageSet(join(folder, 'packages'), names),
      STORAGE_PATH: join(folder, 'store'),
      NIXERY_BUILDS_PER_HOUR: '1000000',
      NIXERY_MAX_UNKNOWN_REFERENCES: '100000',
    });
    await pullWhole(registry.origin, KNOWN);
    const startMs = performance.now();
    const elapsed = () => (performance.now() - startMs) / 1000;
    let sent = 0;
    const isOver = () => elapsed() >= seconds || sent >= requests || findings.length >= MAX_FINDINGS;
    const client = async (_: unknown, index: number): Promise<void> => {
      const random = seeded(seed + index);
      const traffic = trafficTo(registry.origin, names, KNOWN, random);
      const kinds = KINDS.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
      for (let first = 0; !isOver(); first++) {
        // Each kind once, however short it is.
        const kind = KINDS[first] ?? random.pick(kinds);
        sent++;
        const finding = await traffic[kind]().catch((error: unknown) => `${kind}: ${String(error)}`);
        counts[kind]++;
        if (finding !== undefined) findings.push(finding);
        await sleep(PAUSE_MS);
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    const over = clients.then(() => true);
    for (let isDone = false; !isDone;) {
      const usage = await usageOf(registry.pid, elapsed());
      samples.push(usage);
      onSample?.(usage);
      isDone = await Promise.race([over, sleep((seconds * 1000) / SAMPLES, false)]);
    }
    return { samples, counts, findings, exitCode: await registry.stop() };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A set of small packages, and of one that is large enough that its download can be cut. */
async function packageSet(folder: string, names: readonly string[]): Promise<string> {
  await mkdir(folder);
  const derivationOf = (name: string, lines: number) => `${name} = derivation {
    name = "${name}-soak";
    inherit system;
    builder = "/bin/sh";
    args = [ "-ec" "mkdir -p $out/share; seq -f '${name} %.0f' ${lines} > $out/share/${name}" ];
    PATH = "/usr/bin:/bin";
  };`;
  const all = [derivationOf('known', 2_000_000), ...names.map((name) => derivationOf(name, 20_000))];
  await writeFile(join(folder, 'default.nix'), `{ system, ... }: {\n${all.join('\n')}\n}\n`);
  return folder;
}
