import type { System } from '../oci/platform.ts';
import type { Cgroups } from './cgroup.ts';
import type { ProcessUser } from './process-user.ts';
import type { RunOptions } from './process/process.ts';
import type { NixSource } from './source.ts';
import type { BuildRoom } from './build-room.ts';

/** What is known of a package as soon as it is evaluated. */
export interface NamedPackage {
  /** As it was asked for. */
  readonly attribute: string;
  /** As the package set spells it. */
  readonly attributePath: string;
  readonly name: string;
  /** Null where the package does not say. */
  readonly version: string | null;
}

/** Names of packages, to be resolved in one package set. */
export interface ResolveRequest {
  readonly source: NixSource;
  readonly system: System;
  readonly attributes: readonly string[];
}

/** How Nix is asked: the same for every call of one program. */
export interface Nix {
  /** Folder of `resolve.nix` and the other expressions. */
  readonly expressions: string;
  /** The whole environment of Nix's processes; nothing of the program's own gets in. */
  readonly environment: Readonly<Record<string, string>>;
  /** What evaluations have beside that, which fetch the package set. */
  readonly fetchEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Who Nix runs as; this process's own user when absent. */
  readonly user?: ProcessUser | undefined;
  /** Where each of its processes that starts others, to build or to fetch, is held with them; nowhere in particular when absent. */
  readonly cgroups?: Cgroups | undefined;
  /** Address space of one evaluation, in bytes; without limit when absent. */
  readonly evaluationMemoryBytes?: number;
  /** Whether an evaluation may build, and read what it built. Refused when absent: what is denied would be built. */
  readonly importFromDerivation?: 'allow' | 'refuse';
  /** Throws when something that was found is not to be had: before anything of it is built. */
  readonly admit?: ((found: readonly NamedPackage[]) => void) | undefined;
}

/** What one call may take. */
export type NixCall = Pick<RunOptions, 'signal' | 'timeoutMs' | 'onStderr'> & {
  /** The build's part of a store that is small; nobody looks at its room when absent. */
  readonly room?: BuildRoom | undefined;
};

/** Nix's own message in what it printed: the text behind the last `error:`, without where in which file. */
export function nixMessage(logTail: readonly string[]): string {
  const last = logTail.findLastIndex((line) => /^\s*error:/.test(line));
  if (last === -1) return logTail.slice(-10).join('\n');
  const lines = [(logTail[last] ?? '').replace(/^\s*error:\s*/, '')];
  for (const line of logTail.slice(last + 1)) {
    if (/^\s*(at |\(use |\d*\|)/.test(line) || line.includes('…')) break;
    lines.push(line);
  }
  return lines.join('\n').trim();
}
