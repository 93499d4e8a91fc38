/**
 * `npm run sample -- --seed N --packages M`: draws packages of Debian, installs each in a Debian of its own and in an image,
 * does the same with both, and prints a table of what differs. Without `--seed` the packages are those with a known use
 * (uses.txt); `--only a,b` takes just these. Outcomes are kept in `.data/sample`: of Debian by package and script, of
 * images by revision as well. Needs root, docker, debootstrap and Debian's mirror.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { debianPackages, drawable } from '../support/debian.ts';
import { type DockerEngine, startDockerEngine } from '../support/clients/docker-engine.ts';
import { projectFolder, type RegistryProcess, startRegistry } from '../support/service/registry-process.ts';
import { type Case, casesOf, knownUses, outcomesIn, scriptOf, type Outcome } from './cases.ts';
import { type Chroot, makeChroot } from './chroot.ts';
import { isSame } from './compare.ts';
import { draw } from './draw.ts';
import { runsInNamespace } from './namespace.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, packages: { type: 'string', default: '150' }, only: { type: 'string' } },
});
const data = process.env['NIXERY_DATA_DIR'] ?? join(projectFolder, '.data');
const folder = join(data, 'sample');
mkdirSync(join(folder, 'outcomes'), { recursive: true });

/** What one side of the comparison came to: the package's cases with their outcomes, or why there are none. */
type Seen =
  | { readonly kind: 'seen'; readonly cases: readonly Case[]; readonly outcomes: readonly Outcome[] }
  | { readonly kind: 'failed'; readonly reason: string };

const uses = knownUses();
if (await runsInNamespace()) await compareAll();

interface Sides {
  readonly chroot: Chroot;
  readonly registry: RegistryProcess;
  readonly engine: DockerEngine;
  readonly revision: string;
}

/** Prints what differs as soon as it is seen, and at the end how many packages do as in Debian. */
async function compareAll(): Promise<void> {
  const chroot = await makeChroot(folder);
  const registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: join(folder, 'store') });
  const engine = await startDockerEngine();
  const sides = { chroot, registry, engine, revision: await readlink(join(debianPackages, 'latest')) };
  let same = 0;
  let compared = 0;
  const names = packageNames();
  try {
    // Packages are installed in Debian, one after the other, while images are made of those that were.
    let before: Promise<unknown> = Promise.resolve();
    const installed = names.map((name) => {
      const seen = before.then(() => seenInDebian(name, sides));
      before = seen;
      return { name, seen };
    });
    for (const { name, seen } of installed) {
      const debian = await seen;
      if (debian.kind === 'failed') {
        console.log(`${name}: not in Debian: ${debian.reason}`);
        continue;
      }
      const differences = differencesOf(debian, await seenInImage(name, debian.cases, sides));
      compared += 1;
      if (differences.length === 0) same += 1;
      console.log(`${differences.length === 0 ? 'same   ' : 'DIFFERS'} ${name}`);
      for (const line of differences) console.log(`        ${line.replaceAll('\n', '\n        ')}`);
    }
  } finally {
    await engine[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await chroot[Symbol.asyncDispose]();
  }
  console.log(`${same} of ${compared} as in Debian`);
}

function packageNames(): readonly string[] {
  if (values.only !== undefined) return values.only.split(',');
  if (values.seed === undefined) return [...uses.keys()];
  return draw(drawable(), Number(values.seed))
    .slice(0, Number(values.packages))
    .map((one) => one.name);
}

function seenInDebian(name: string, { chroot }: Sides): Promise<Seen> {
  return remembered(['debian', name, uses.get(name) ?? ''], () => inDebian(name, chroot));
}

async function inDebian(name: string, chroot: Chroot): Promise<Seen> {
  try {
    return await chroot.visit(name, async (debian) => {
      const use = uses.get(name);
      const files = (await debian.run(`dpkg -L '${name}' | while read -r f; do [ -d "$f" ] || echo "$f"; done`)).split(
        '\n',
      );
      const cases = use === undefined ? casesOf(files.filter(Boolean)) : [{ what: 'use', script: use }];
      return { kind: 'seen', cases, outcomes: outcomesIn(await debian.run(scriptOf(cases))) };
    });
  } catch (error) {
    return { kind: 'failed', reason: endOf(error) };
  }
}

function seenInImage(name: string, cases: readonly Case[], { revision, ...sides }: Sides): Promise<Seen> {
  return remembered(['image', revision, name, cases], () => inImage(name, cases, sides));
}

async function inImage(
  name: string,
  cases: readonly Case[],
  { registry, engine }: Pick<Sides, 'registry' | 'engine'>,
): Promise<Seen> {
  const image = `${registry.host}/shell/${name.replaceAll('+', 'x')}`;
  try {
    await engine.docker('pull', '--quiet', image);
    const command = [
      'run',
      '--rm',
      '--network=none',
      '--hostname=localhost',
      '--entrypoint',
      'bash',
      image,
      '-c',
      scriptOf(cases),
    ];
    return { kind: 'seen', cases, outcomes: outcomesIn(await engine.docker(...command)) };
  } catch (error) {
    return { kind: 'failed', reason: endOf(error) };
  } finally {
    await engine.docker('rmi', '--force', image).catch(() => 'it was not pulled');
  }
}

function differencesOf(debian: Extract<Seen, { kind: 'seen' }>, image: Seen): readonly string[] {
  if (image.kind === 'failed') return [`no image: ${image.reason}`];
  return debian.cases.flatMap(({ what }, index) => {
    const [there, here] = [debian.outcomes[index], image.outcomes[index]];
    if (there !== undefined && here !== undefined && isSame(there, here)) return [];
    return [`${what}\n  Debian ${shown(there)}\n  image  ${shown(here)}`];
  });
}

function shown(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'nothing';
  return `${outcome.status} ${JSON.stringify(outcome.printed.slice(0, 600))}`;
}

function endOf(error: unknown): string {
  return String(error instanceof Error && 'stderr' in error ? error.stderr : error)
    .trim()
    .slice(-600);
}

/** What was seen before with all the same. What failed is tried again. */
async function remembered(key: readonly unknown[], see: () => Promise<Seen>): Promise<Seen> {
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex');
  const file = join(folder, 'outcomes', hash);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Seen;
  const seen = await see();
  if (seen.kind === 'seen') writeFileSync(file, JSON.stringify(seen));
  return seen;
}
