import { type Conversation, converse } from '../process/process.ts';
import { laterCall } from '../later-call.ts';
import type { Nix, NixCall } from '../nix.ts';
import { bytesOfNix32 } from './nix32.ts';
import { ProcessError } from '../process-error.ts';
import { type PathInfo, serveClient } from './serve-protocol.ts';
import { type ClosurePath, parseStorePath, type StorePath } from '../store-path.ts';

/** Nix, ready to say what refers to what. */
export interface ClosureQuery {
  /**
   * The closure of these store paths: all that they refer to, directly or not, and themselves, sorted by path. To be asked
   * once.
   *
   * @returns undefined when one of them is not in the local store
   * @throws ProcessError when Nix fails
   */
  closureOf(paths: readonly StorePath[]): Promise<readonly ClosurePath[] | undefined>;
  close(): Promise<void>;
}

/**
 * Starts Nix, which takes ten times as long to start as to answer: who knows that there will be something to ask
 * starts it before. Who opens it closes it. What the call may take is counted from here.
 */
export function closureQuery(nix: Nix, call: NixCall = {}): ClosureQuery {
  return queryOf(serve(nix, call));
}

/** The same, started before anybody asks. What a call may take is counted from its question. */
export interface WaitingClosureQuery {
  hasEnded(): boolean;
  forCall(call: NixCall): ClosureQuery;
  close(): Promise<void>;
}

export function waitingClosureQuery(nix: Nix): WaitingClosureQuery {
  const later = laterCall();
  const conversation = serve(nix, { signal: later.signal });
  const query = queryOf(conversation);
  function close(): Promise<void> {
    // Nobody's deadline ends one that does not end by itself.
    later.end();
    return query.close();
  }
  return {
    hasEnded: () => conversation.hasEnded(),
    forCall: (call) => ({
      async closureOf(paths) {
        try {
          return await later.during(call, () => query.closureOf(paths));
        } catch (error) {
          if (!(error instanceof ProcessError) || error.failure !== 'exit') throw error;
          // It broke while it waited, or after. Another knows whether something is wrong.
          return closureOf(nix, paths, call);
        }
      },
      close,
    }),
    close,
  };
}

function serve(nix: Nix, { signal, timeoutMs }: NixCall): Conversation {
  return converse('nix-store', ['--serve'], {
    signal,
    ...(timeoutMs !== undefined && { timeoutMs }),
    env: nix.environment,
    user: nix.user,
  });
}

function queryOf(conversation: Conversation): ClosureQuery {
  const client = serveClient(conversation);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= conversation.close());
  return {
    async closureOf(paths) {
      try {
        const infos = await client.pathInfos(await client.closure(paths));
        return infos.map(closurePath).sort((a, b) => (a.path < b.path ? -1 : 1));
      } catch (error) {
        if (error instanceof ProcessError && error.failure === 'exit' && error.logTail.some(saysInvalid))
          return undefined;
        throw error;
      } finally {
        // Nobody waits for that now, and what comes next may take long.
        void close();
      }
    },
    close,
  };
}

/** The same for who has nothing else to do meanwhile. */
export async function closureOf(
  nix: Nix,
  paths: readonly StorePath[],
  call?: NixCall,
): Promise<readonly ClosurePath[] | undefined> {
  const query = closureQuery(nix, call);
  try {
    return await query.closureOf(paths);
  } finally {
    await query.close();
  }
}

function saysInvalid(line: string): boolean {
  return line.includes('is not valid');
}

function closurePath({ path: text, references, narSizeBytes, narHash }: PathInfo): ClosurePath {
  const path = storePath(text);
  const others = references.map(storePath).filter((reference) => reference !== path);
  return { path, narHash: toSri(narHash), narSizeBytes, references: others.sort() };
}

function storePath(text: string): StorePath {
  const path = parseStorePath(text);
  if (path === undefined) throw new Error(`Nix gave something that is no store path: ${text.slice(0, 300)}`);
  return path;
}

const SHA256_BYTES = 32;

function toSri(narHash: string): string {
  const [algorithm, digits = ''] = narHash.split(':');
  const digest = algorithm === 'sha256' ? bytesOfNix32(digits, SHA256_BYTES) : undefined;
  if (digest === undefined) throw new Error(`Nix gave a NAR hash of another kind: ${narHash.slice(0, 100)}`);
  return `sha256-${digest.toString('base64')}`;
}

/** All paths of these closures, sorted. Where two say different things of a path, the first is right. */
export function unionOf(closures: readonly (readonly ClosurePath[])[]): ClosurePath[] {
  const union = new Map<StorePath, ClosurePath>();
  for (const closure of closures) {
    for (const one of closure) if (!union.has(one.path)) union.set(one.path, one);
  }
  return sortedPaths(union);
}

/** The closure of `roots` within a larger one, sorted by path. */
export function reachable(roots: readonly StorePath[], closure: ReadonlyMap<StorePath, ClosurePath>): ClosurePath[] {
  const reached = new Map<StorePath, ClosurePath>();
  const ahead = [...roots];
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    if (reached.has(path)) continue;
    const one = closure.get(path);
    if (one === undefined) throw new Error(`Nix gave a closure without ${path}`);
    reached.set(path, one);
    ahead.push(...one.references);
  }
  return sortedPaths(reached);
}

function sortedPaths(closure: ReadonlyMap<StorePath, ClosurePath>): ClosurePath[] {
  return [...closure.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
