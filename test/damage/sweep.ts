import { type Damage, pullAll, type Pulled } from '../support/store/damaged-store.ts';
import { fixturePackages, nix } from '../support/nix.ts';
import type { Place } from './place.ts';

export interface SweepOptions {
  readonly images: number;
  /** Whether each object is damaged by itself, too. */
  readonly each: boolean;
  readonly maxSeconds: number;
  readonly onRound?: (round: Round) => void;
}

/** Some objects were damaged, and all images pulled twice. */
export interface Round {
  readonly what: string;
  readonly damaged: number;
  /** Answers of the first pull that were cut, or were 404 as their blob was taken out of service. */
  readonly seen: number;
  /** What may not be, in words. */
  readonly findings: readonly string[];
}

/** Packages of the tests that are the same each time they are built. */
const PACKAGES = [
  ...['greet', 'lib', 'capital', '9lives', 'nested.deep', 'several'],
  ...['round', 'around', 'wrapper', 'confer', 'env', 'more'],
];

/** Each package alone, then pairs of them. */
function namesOf(images: number): readonly string[] {
  const pairs = PACKAGES.flatMap((one, index) => PACKAGES.slice(index + 1).map((other) => `${one}/${other}`));
  const names = [...PACKAGES, ...pairs];
  if (images > names.length) throw new RangeError(`there are ${names.length} images`);
  return names.slice(0, images);
}

function environmentOf(place: { readonly environment: Readonly<Record<string, string>> }): Record<string, string> {
  return {
    NIX_CONFIG: nix.environment['NIX_CONFIG'] ?? '',
    NIXERY_PKGS_PATH: fixturePackages,
    NIXERY_COMPRESSION: 'zlib',
    NIXERY_EVAL_AHEAD: 'off',
    // So that paths share layers.
    NIXERY_LAYERS: '4',
    ...place.environment,
  };
}

const isBlob = (key: string) => key.startsWith('layers/');

/**
 * Makes images, damages a copy of the store, and pulls all of them twice, each time from a new server: all of a kind at once,
 * all there is at once, and, when asked for, one object at a time.
 */
export async function sweep(
  place: Place,
  { images, each, maxSeconds, onRound }: SweepOptions,
): Promise<readonly Round[]> {
  const names = namesOf(images);
  const made = await pullAll(environmentOf(place), names);
  if (made.failures.length > 0) throw new Error(made.failures.join('\n'));
  const keys = await place.keys();
  const areas = [...new Set(keys.map((key) => key.slice(0, key.indexOf('/'))))];
  const chosen: (readonly [string, readonly string[]])[] = [
    ...areas.map((area) => [`all ${area}`, keys.filter((key) => key.startsWith(`${area}/`))] as const),
    ['everything', keys],
    ['all records', keys.filter((key) => !isBlob(key))],
    ...(each ? keys.map((key) => [key, [key]] as const) : []),
  ];
  const startMs = performance.now();
  const rounds: Round[] = [];
  for (const damage of ['a bit', 'the end'] as const) {
    for (const [what, all] of chosen) {
      const some = damage === 'the end' || place.hasBrokenBlobs ? all : all.filter((key) => !isBlob(key));
      if (some.length === 0) continue;
      if (performance.now() - startMs > maxSeconds * 1000) throw new Error(`it takes more than ${maxSeconds} s`);
      const round = await pullTwice(place, { names, right: made.pulled, keys: some, damage });
      rounds.push({ what: `${damage} of ${what}`, damaged: some.length, ...round });
      onRound?.(rounds.at(-1) as Round);
    }
  }
  return rounds;
}

async function pullTwice(
  place: Place,
  { names, right, keys, damage }: { names: readonly string[]; right: Pulled; keys: readonly string[]; damage: Damage },
): Promise<{ seen: number; findings: readonly string[] }> {
  await using copy = await place.damaged(keys, damage);
  const environment = environmentOf(copy);
  const first = await pullAll(environment, names);
  const second = await pullAll(environment, names);
  const findings = second.failures.map((failure) => `the second time, ${failure}`);
  for (const { pulled } of [first, second])
    for (const [path, bytes] of pulled) if (!right.get(path)?.equals(bytes)) findings.push(`${path} is another`);
  for (const failure of first.failures) {
    if (/: 5\d\d /.test(failure) || !keys.some(isBlob)) findings.push(failure);
  }
  const missing = [...right.keys()].filter((path) => !second.pulled.has(path));
  findings.push(...missing.map((path) => `the second time, nothing at ${path}`));
  return { seen: first.failures.length, findings };
}
