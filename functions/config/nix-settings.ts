import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod/mini';
import type { ProcessLimits } from '../nix/cgroup.ts';
import type { ProcessUser } from '../nix/process-user.ts';
import { blankList, matching, oneOf, text, wholeNumber } from './variable.ts';

/** How Nix runs, and where. */
export interface NixSettings {
  /** Folder of `resolve.nix`. */
  readonly expressions: string;
  /** Milliseconds for one build, evaluation included. */
  readonly timeoutMs: number;
  /** The whole environment of Nix's processes. */
  readonly environment: Readonly<Record<string, string>>;
  /** Address space of one evaluation, in bytes. */
  readonly evaluationMemoryBytes: number;
  /** Whether an evaluation waits for the next image that nobody has asked for. */
  readonly evaluatesAhead: boolean;
  /** What a call of Nix that builds or fetches may take with all that it starts, where the system has control groups. */
  readonly processLimits: ProcessLimits;
  /** Whether an evaluation may build, and read what it built. */
  readonly importFromDerivation: 'allow' | 'refuse';
  /** Where repositories without files are kept, to look up commits. */
  readonly cacheFolder: string;
  /** Who Nix and git run as; this process's own user when undefined. */
  readonly user: ProcessUser | undefined;
  /** What the store may take, in bytes; as much as there is when undefined. */
  readonly storeLimitBytes: number | undefined;
}

/** What Nix, git and their downloads need of the environment; everything else stays out of builds. */
const NIX_ENVIRONMENT = [
  ...['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'GIT_SSH_COMMAND'],
  ...['NIX_CONFIG', 'NIX_CONF_DIR', 'NIX_USER_CONF_FILES', 'NIX_REMOTE', 'NIX_SSL_CERT_FILE', 'SSL_CERT_FILE'],
  ...['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'all_proxy'],
] as const;

/** Nix's user has the processes of all builds together: those of as many at their limit. */
const NIX_USERS_BUILDS = 4;

export const nixVariables = z.object({
  NIX_BUILDER: text,
  NIX_TIMEOUT: z._default(wholeNumber(1, 86_400), 600),
  NIX_EVAL_MEMORY: z._default(wholeNumber(256, 1_048_576), 2048),
  NIXERY_EVAL_AHEAD: z._default(oneOf(['on', 'off']), 'on'),
  NIXERY_BUILD_PROCESSES: z._default(wholeNumber(64, 1_000_000), 2048),
  NIXERY_BUILD_MEMORY_MB: z.optional(wholeNumber(64, 16_777_216)),
  NIX_IMPORT_FROM_DERIVATION: z._default(oneOf(['allow', 'refuse']), 'refuse'),
  NIXERY_NIX_USER: z.optional(matching(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be the name of a user')),
  NIXERY_NIX_HOME: z._default(matching(/^\//, 'must be an absolute path'), '/nix/home'),
  NIXERY_STORE_LIMIT_MB: z.optional(wholeNumber(64, 1_048_576)),
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
});

type NixVariables = z.infer<typeof nixVariables>;

/**
 * @param set all variables, of which Nix's processes get some
 * @param programFolder where the program's own files lie
 */
export function nixSettings(
  set: Readonly<Record<string, string>>,
  data: NixVariables,
  programFolder: string,
): NixSettings {
  return {
    expressions: resolve(data.NIX_BUILDER ?? join(programFolder, 'nix')),
    timeoutMs: data.NIX_TIMEOUT * 1000,
    evaluationMemoryBytes: data.NIX_EVAL_MEMORY * 1024 * 1024,
    evaluatesAhead: data.NIXERY_EVAL_AHEAD === 'on',
    processLimits: {
      processes: data.NIXERY_BUILD_PROCESSES,
      memoryBytes: data.NIXERY_BUILD_MEMORY_MB && data.NIXERY_BUILD_MEMORY_MB * 1024 * 1024,
    },
    importFromDerivation: data.NIX_IMPORT_FROM_DERIVATION,
    ...nixSurroundings(set, data),
  };
}

/** Where Nix and git run: the environment that they get, and the user that they are. */
function nixSurroundings(
  set: Readonly<Record<string, string>>,
  data: NixVariables,
): Pick<NixSettings, 'environment' | 'cacheFolder' | 'user' | 'storeLimitBytes'> {
  const { NIXERY_NIX_USER: name, NIXERY_NIX_HOME: home, NIXERY_STORE_LIMIT_MB: limitMb } = data;
  // Another user can write nothing that is this process's, and this process must read nothing that the other writes.
  const ofUser = name === undefined ? {} : { USER: name, HOME: home, TMPDIR: `${home}/tmp`, XDG_CACHE_HOME: undefined };
  const own: Readonly<Record<string, string | undefined>> = { ...set, ...ofUser };
  const settings = [set['NIX_CONFIG'], ...cacheSettings(data)].filter((line) => line !== undefined);
  return {
    environment: nixEnvironment({ ...own, ...(settings.length > 0 && { NIX_CONFIG: settings.join('\n') }) }),
    cacheFolder: join(own['XDG_CACHE_HOME'] ?? join(own['HOME'] ?? homedir(), '.cache'), 'nixery-run'),
    user:
      name === undefined
        ? undefined
        : { name, group: name, maxProcesses: NIX_USERS_BUILDS * data.NIXERY_BUILD_PROCESSES },
    storeLimitBytes: limitMb === undefined ? undefined : limitMb * 1024 * 1024,
  };
}

/** Binary caches beside those that nix.conf names. */
function cacheSettings(data: NixVariables): string[] {
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
