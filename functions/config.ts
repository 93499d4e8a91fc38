import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { AddressSource } from './access/client-address.ts';
import type { GoogleAllowList } from './access/google-identities.ts';
import type { PackagePatterns } from './builder/package-policy.ts';
import type { ProcessUser } from './nix/process-user.ts';

/** What the program was configured with. */
export interface Config {
  readonly port: number;
  readonly storage: StorageSettings;
  readonly packages: PackageSettings;
  readonly nix: {
    /** Folder of `resolve.nix`. */
    readonly expressions: string;
    /** Milliseconds for one build, evaluation included. */
    readonly timeoutMs: number;
    /** The whole environment of Nix's processes. */
    readonly environment: Readonly<Record<string, string>>;
    /** Address space of one evaluation, in bytes. */
    readonly evaluationMemoryBytes: number;
    /** Whether an evaluation may build, and read what it built. */
    readonly importFromDerivation: 'allow' | 'refuse';
    /** Where repositories without files are kept, to look up commits. */
    readonly cacheFolder: string;
    /** Who Nix and git run as; this process's own user when undefined. */
    readonly user: ProcessUser | undefined;
    /** What the store may take, in bytes; as much as there is when undefined. */
    readonly storeLimitBytes: number | undefined;
  };
  readonly compression: 'igzip' | 'zlib';
  /** How long a reference's revision is believed, in milliseconds. */
  readonly pinForMs: number;
  /** Images that are made at once; as many as there are cores when undefined. */
  readonly maxBuilds: number | undefined;
  /** Images that wait to be made. */
  readonly maxQueue: number;
  /** How long a pull waits for its image before it is sent on, in milliseconds. */
  readonly holdMs: number;
  readonly access: AccessSettings;
  /** Patterns of the attributes that alone may be had, all when undefined; and of those that may not. */
  readonly policy: PackagePatterns;
  /** Images that one user, or one address where there are no users, may have made in an hour. */
  readonly maxBuildsPerHour: number;
  /** The Google Cloud project that traces are in. */
  readonly project: string | undefined;
  /** Where a client's address is to be found. */
  readonly addresses: AddressSource;
  /** At Google, logs are JSON; at a terminal they are lines for people. */
  readonly logFormat: 'json' | 'text';
}

export type StorageSettings =
  | { readonly backend: 'filesystem'; readonly path: string }
  | {
      readonly backend: 'gcs';
      readonly bucket: string;
      /** Where the API is, when not at Google: for tests. */
      readonly apiEndpoint: string | undefined;
      readonly signing: SigningChoice;
    };

/** Who may pull: everybody, when neither credentials nor Google's identities are configured. */
export interface AccessSettings {
  /** Path of the file of credentials. */
  readonly credentials: string | undefined;
  readonly google: (GoogleAllowList & { readonly tokenInfoEndpoint: string | undefined }) | undefined;
  /** Failed logins a minute of one address, and in the name of one user. */
  readonly maxFailedLogins: number;
}

/** Who signs the URLs of layers; nobody does when objects are public. */
export type SigningChoice =
  | { readonly kind: 'key'; readonly path: string; readonly account: string | undefined }
  | { readonly kind: 'keyless'; readonly account: string }
  | { readonly kind: 'public' };

/** `NIXERY_CHANNEL`, `NIXERY_PKGS_REPO` or `NIXERY_PKGS_PATH`. */
export type PackageSettings =
  | { readonly kind: 'channel'; readonly channel: string }
  | { readonly kind: 'git'; readonly url: string }
  | { readonly kind: 'folder'; readonly path: string };

/** One or more variables are wrong; the message names all of them. */
export class ConfigError extends Error {
  readonly code = 'CONFIG';
  override readonly name = 'ConfigError';

  constructor(problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** The channel of nixpkgs that is used when nothing else is configured. */
const DEFAULT_CHANNEL = 'nixos-25.11';

/** What Nix, git and their downloads need of the environment; everything else stays out of builds. */
const NIX_ENVIRONMENT = [
  ...['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'GIT_SSH_COMMAND'],
  ...['NIX_CONFIG', 'NIX_CONF_DIR', 'NIX_USER_CONF_FILES', 'NIX_REMOTE', 'NIX_SSL_CERT_FILE', 'SSL_CERT_FILE'],
  ...['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'all_proxy'],
] as const;

const text = z.string().optional();
const wholeNumber = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .pipe(z.number().min(minimum, `must be at least ${minimum}`).max(maximum, `must be at most ${maximum}`));
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be ${values.join(' or ')}`);

/** A list whose parts are separated by blanks, as in nix.conf. */
const blankList = (part: RegExp, message: string) =>
  z
    .string()
    .transform((list) => list.split(/\s+/).filter((one) => one !== ''))
    .pipe(z.array(z.string().regex(part, message)))
    .optional();

const bucketName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'must be the name of a bucket, without gs://')
  .optional();

/** Attributes, with `*` for any characters. */
const patterns = z
  .string()
  .transform((list) => list.split(',').map((entry) => entry.trim()))
  .pipe(
    z.array(
      z.string().regex(/^[A-Za-z0-9_.*+'-]+$/, 'must be attributes, with * in them, such as python3Packages.*,jq'),
    ),
  )
  .optional();

/** As it stands in the environment: a variable set to nothing counts as not set. */
const variables = z.object({
  PORT: wholeNumber(1, 65535).default(8080),
  NIXERY_STORAGE_BACKEND: oneOf(['gcs', 'filesystem']).optional(),
  BUCKET: bucketName,
  GCS_BUCKET: bucketName,
  GCS_SIGNING_KEY: text,
  GCS_SIGNING_ACCOUNT: z
    .string()
    .regex(/^[^@\s]+@[^@\s]+$/, 'must be the e-mail address of a service account')
    .optional(),
  GCS_API_ENDPOINT: z
    .string()
    .regex(/^https?:\/\/[a-z0-9.:-]+$/, 'must be a URL without a path, such as http://localhost:4443')
    .optional(),
  STORAGE_PATH: z.string().default('.data/store'),
  NIXERY_CHANNEL: z
    .string()
    .regex(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/, 'must be the name of a channel, such as nixos-25.11, or a commit')
    .optional(),
  NIXERY_PKGS_REPO: z.string().regex(/^[^-]/, 'must be the URL of a git repository').optional(),
  NIXERY_PKGS_PATH: text,
  NIX_BUILDER: text,
  NIX_TIMEOUT: wholeNumber(1, 86_400).default(600),
  NIX_EVAL_MEMORY: wholeNumber(256, 1_048_576).default(2048),
  NIX_IMPORT_FROM_DERIVATION: oneOf(['allow', 'refuse']).default('refuse'),
  NIXERY_NIX_USER: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be the name of a user')
    .optional(),
  NIXERY_NIX_HOME: z.string().regex(/^\//, 'must be an absolute path').default('/nix/home'),
  NIXERY_STORE_LIMIT_MB: wholeNumber(64, 1_048_576).optional(),
  // A URL with a password would be seen in logs: that is what the netrc is for.
  NIXERY_SUBSTITUTERS: blankList(
    /^(?:https?|s3|gs|file):\/\/[^@\s]+$/,
    'must list URLs without passwords, as https://cache.example.com',
  ),
  NIXERY_TRUSTED_KEYS: blankList(
    /^[^:\s]+:[A-Za-z0-9+/]{43}=$/,
    'must list public keys as Nix writes them, as cache.example.com-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=',
  ),
  NIXERY_NETRC: text,
  NIXERY_COMPRESSION: oneOf(['igzip', 'zlib']).default('igzip'),
  NIXERY_PIN_SECONDS: wholeNumber(0, 86_400).default(300),
  NIXERY_MAX_BUILDS: wholeNumber(1, 256).optional(),
  NIXERY_MAX_QUEUE: wholeNumber(0, 100_000).default(64),
  // Clients wait 30 s for headers (containerd 2.3, Docker 29.7), of which a cold start takes some.
  NIXERY_HOLD_SECONDS: wholeNumber(1, 25).default(20),
  NIXERY_CREDENTIALS: text,
  NIXERY_GOOGLE_ALLOW: z
    .string()
    .transform((list) => list.split(',').map((entry) => entry.trim().toLowerCase()))
    .pipe(
      z.array(
        z
          .string()
          .regex(
            /^[^@\s]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
            'must be accounts and domains, as a@example.com,@example.org',
          ),
      ),
    )
    .optional(),
  GOOGLE_TOKENINFO_ENDPOINT: z.url({ protocol: /^https?$/, error: 'must be a URL' }).optional(),
  NIXERY_MAX_FAILED_LOGINS: wholeNumber(1, 100_000).default(20),
  NIXERY_ALLOW: patterns,
  NIXERY_DENY: patterns,
  NIXERY_BUILDS_PER_HOUR: wholeNumber(1, 1_000_000).default(1000),
  GOOGLE_CLOUD_PROJECT: text,
  NIXERY_TRUSTED_PROXIES: wholeNumber(0, 10).default(0),
  K_SERVICE: text,
});

/**
 * The configuration in an environment. Pure: nothing is opened or asked.
 *
 * @param env the variables
 * @param world `programFolder`: where the program's own files lie; `terminal`: whether a person reads what it prints
 * @throws ConfigError that names every wrong variable
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  world: { programFolder: string; terminal: boolean },
): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = variables.safeParse(set);
  const problems = (parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`);

  const sources = ['NIXERY_CHANNEL', 'NIXERY_PKGS_REPO', 'NIXERY_PKGS_PATH'].filter((name) => name in set);
  if (sources.length > 1) problems.push(`only one of ${sources.join(', ')} can be set`);

  const { NIXERY_STORAGE_BACKEND: backend, BUCKET: bucket, GCS_BUCKET: sameBucket } = set;
  if (backend === 'gcs' && bucket === undefined && sameBucket === undefined) {
    problems.push('BUCKET must be set when NIXERY_STORAGE_BACKEND is gcs');
  }
  if (bucket !== undefined && sameBucket !== undefined && bucket !== sameBucket) {
    problems.push('BUCKET and GCS_BUCKET must be the same where both are set');
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

  const { data } = parsed;
  return {
    port: data.PORT,
    storage: storageSettings(data),
    packages: packageSettings(data),
    nix: {
      expressions: resolve(data.NIX_BUILDER ?? join(world.programFolder, 'nix')),
      timeoutMs: data.NIX_TIMEOUT * 1000,
      evaluationMemoryBytes: data.NIX_EVAL_MEMORY * 1024 * 1024,
      importFromDerivation: data.NIX_IMPORT_FROM_DERIVATION,
      ...nixSurroundings(set, data),
    },
    compression: data.NIXERY_COMPRESSION,
    pinForMs: data.NIXERY_PIN_SECONDS * 1000,
    maxBuilds: data.NIXERY_MAX_BUILDS,
    maxQueue: data.NIXERY_MAX_QUEUE,
    holdMs: data.NIXERY_HOLD_SECONDS * 1000,
    access: {
      credentials: data.NIXERY_CREDENTIALS && resolve(data.NIXERY_CREDENTIALS),
      google: googleSettings(data),
      maxFailedLogins: data.NIXERY_MAX_FAILED_LOGINS,
    },
    policy: { allow: data.NIXERY_ALLOW, deny: data.NIXERY_DENY ?? [] },
    maxBuildsPerHour: data.NIXERY_BUILDS_PER_HOUR,
    project: data.GOOGLE_CLOUD_PROJECT,
    // Elsewhere nobody vouches for the header.
    addresses:
      data.K_SERVICE === undefined ? { kind: 'socket' } : { kind: 'forwarded', proxies: data.NIXERY_TRUSTED_PROXIES },
    logFormat: data.K_SERVICE === undefined && world.terminal ? 'text' : 'json',
  };
}

function storageSettings(data: z.infer<typeof variables>): StorageSettings {
  const bucket = data.BUCKET ?? data.GCS_BUCKET;
  if (bucket === undefined || data.NIXERY_STORAGE_BACKEND === 'filesystem') {
    return { backend: 'filesystem', path: resolve(data.STORAGE_PATH) };
  }
  return { backend: 'gcs', bucket, apiEndpoint: data.GCS_API_ENDPOINT, signing: signingChoice(data) };
}

function signingChoice({ GCS_SIGNING_KEY: key, GCS_SIGNING_ACCOUNT: account }: z.infer<typeof variables>) {
  if (key !== undefined) return { kind: 'key', path: resolve(key), account } as const;
  return account === undefined ? ({ kind: 'public' } as const) : ({ kind: 'keyless', account } as const);
}

function googleSettings({
  NIXERY_GOOGLE_ALLOW: allow,
  GOOGLE_TOKENINFO_ENDPOINT: tokenInfoEndpoint,
}: z.infer<typeof variables>): AccessSettings['google'] {
  if (allow === undefined) return undefined;
  return {
    accounts: allow.filter((entry) => !entry.startsWith('@')),
    domains: allow.filter((entry) => entry.startsWith('@')).map((entry) => entry.slice(1)),
    tokenInfoEndpoint,
  };
}

function packageSettings(data: z.infer<typeof variables>): PackageSettings {
  if (data.NIXERY_PKGS_REPO !== undefined) return { kind: 'git', url: data.NIXERY_PKGS_REPO };
  if (data.NIXERY_PKGS_PATH !== undefined) return { kind: 'folder', path: resolve(data.NIXERY_PKGS_PATH) };
  return { kind: 'channel', channel: data.NIXERY_CHANNEL ?? DEFAULT_CHANNEL };
}

/** Where Nix and git run: the environment that they get, and the user that they are. */
function nixSurroundings(
  set: Readonly<Record<string, string | undefined>>,
  data: z.infer<typeof variables>,
): Pick<Config['nix'], 'environment' | 'cacheFolder' | 'user' | 'storeLimitBytes'> {
  const { NIXERY_NIX_USER: name, NIXERY_NIX_HOME: home, NIXERY_STORE_LIMIT_MB: limitMb } = data;
  // Another user can write nothing that is this process's, and this process must read nothing that the other writes.
  const ofUser = name === undefined ? {} : { USER: name, HOME: home, TMPDIR: `${home}/tmp`, XDG_CACHE_HOME: undefined };
  const own: Readonly<Record<string, string | undefined>> = { ...set, ...ofUser };
  const settings = [set['NIX_CONFIG'], ...cacheSettings(data)].filter((line) => line !== undefined);
  return {
    environment: nixEnvironment({ ...own, ...(settings.length > 0 && { NIX_CONFIG: settings.join('\n') }) }),
    cacheFolder: join(own['XDG_CACHE_HOME'] ?? join(own['HOME'] ?? homedir(), '.cache'), 'nixery-run'),
    user: name === undefined ? undefined : { name, group: name },
    storeLimitBytes: limitMb === undefined ? undefined : limitMb * 1024 * 1024,
  };
}

/** Binary caches beside those that nix.conf names. */
function cacheSettings(data: z.infer<typeof variables>): string[] {
  const { NIXERY_SUBSTITUTERS: urls, NIXERY_TRUSTED_KEYS: keys, NIXERY_NETRC: netrc } = data;
  return [
    ...(urls === undefined ? [] : [`extra-substituters = ${urls.join(' ')}`]),
    ...(keys === undefined ? [] : [`extra-trusted-public-keys = ${keys.join(' ')}`]),
    ...(netrc === undefined ? [] : [`netrc-file = ${resolve(netrc)}`]),
  ];
}

function nixEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of NIX_ENVIRONMENT) {
    const value = env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
