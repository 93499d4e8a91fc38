import type { Random } from '../random.ts';

/** An image that is asked for by its packages, at one week's state of the package set. */
export interface Pull {
  readonly week: number;
  /** Names of packages, sorted. */
  readonly image: readonly string[];
}

/** What one client pulls, in this order; it keeps all of it. */
export type ClientPulls = readonly Pull[];

export interface Workload {
  readonly name: string;
  readonly about: string;
  readonly clients: readonly ClientPulls[];
}

export const WEEKS = 52;

/** What every image has (`cacert`, `iana-etc`), and what `shell` stands for. */
const ALWAYS = ['ca-certificates', 'netbase'];
const SHELL = ['bash', 'coreutils', 'moreutils', 'nano'];

/** What teams put into images, the most wanted first. */
const TOOLS: readonly string[] = [
  ...['curl', 'git', 'python3', 'jq', 'openssh-client', 'make', 'gcc', 'nodejs', 'postgresql-client-15', 'rsync'],
  ...['vim', 'htop', 'unzip', 'gnupg', 'wget', 'redis-tools', 'ripgrep', 'python3-requests', 'default-jre-headless'],
  ...['cmake', 'golang-go', 'nginx', 'tmux', 'sqlite3', 'strace', 'python3-yaml', 'openssl', 'ruby', 'php-cli'],
  ...[
    'bind9-dnsutils',
    'socat',
    'npm',
    'python3-pip',
    'mariadb-client',
    'less',
    'gdb',
    'imagemagick',
    'ffmpeg',
    'tree',
  ],
  ...['skopeo', 'ansible', 'python3-numpy', 'graphviz', 'rustc', 'cargo', 'shellcheck', 'netcat-openbsd', 'file', 'bc'],
];

/** All packages that images can have. */
export const PACKAGES: readonly string[] = [...ALWAYS, ...SHELL, ...TOOLS];

/**
 * The three workloads over the same 30 images of one team, each with a shell and up to six tools, chosen by Zipf's law.
 */
export function workloads(random: Random): readonly Workload[] {
  const images = Array.from({ length: 30 }, () => someImage(random));
  const oneOf = (): readonly string[] => pick(images, random);
  return [
    {
      name: 'team',
      about: 'six servers, each of which runs ten of the 30 images and pulls them every week of a year',
      clients: times(6, () => {
        const own = someOf(images, 10, random);
        return weeks().flatMap((week) => own.map((image) => ({ week, image })));
      }),
    },
    {
      name: 'ci',
      about: 'ten jobs a week on fresh machines, each of which pulls one to four of the 30 images',
      clients: weeks().flatMap((week) =>
        times(10, () => times(1 + Math.floor(random.uniform() * 4), () => ({ week, image: oneOf() }))),
      ),
    },
    {
      name: 'laptops',
      about: 'ten laptops, each of which pulls two of its five images and one new combination of tools every week',
      clients: times(10, () => {
        const own = someOf(images, 5, random);
        return weeks().flatMap((week) => [
          ...times(2, () => ({ week, image: pick(own, random) })),
          { week, image: someImage(random) },
        ]);
      }),
    },
  ];
}

function someImage(random: Random): readonly string[] {
  const tools = new Set<string>();
  const count = 1 + Math.floor(random.uniform() * 6);
  while (tools.size < count) tools.add(zipf(random));
  return [...ALWAYS, ...SHELL, ...tools].sort();
}

/** The tool of rank n is wanted 1/n as often as the first. */
function zipf(random: Random): string {
  const total = TOOLS.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  let rest = random.uniform() * total;
  return TOOLS.find((_, index) => (rest -= 1 / (index + 1)) < 0) ?? (TOOLS[0] as string);
}

const weeks = (): number[] => times(WEEKS, (week) => week);

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random.uniform() * items.length)] as T;
}

function someOf<T>(items: readonly T[], count: number, random: Random): T[] {
  const left = [...items];
  return times(count, () => left.splice(Math.floor(random.uniform() * left.length), 1)[0] as T);
}
