import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ProcessUser } from './process-user.ts';
import { ProcessError, run } from './process.ts';
import { SourceError } from './source.ts';

/** Asks a git remote what its references mean, without fetching its files. */
export interface GitRemote {
  /** The URL without credentials, for messages. */
  readonly description: string;
  /** The commit of the first of these references that exists, as `refs/heads/main` or `HEAD`; tags lead to their commit. */
  find(references: readonly string[], signal?: AbortSignal): Promise<string | undefined>;
  /** Is there such a commit? `commit` has 40 digits. */
  has(commit: string, signal?: AbortSignal): Promise<boolean>;
  /** The commit that an abbreviation means: undefined when there is none or more than one. */
  expand(abbreviated: string, signal?: AbortSignal): Promise<string | undefined>;
}

/** How long a remote may take to answer. */
const TIMEOUT_MS = 60_000;

export interface GitOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** Who git runs as; this process's own user when absent. */
  readonly user?: ProcessUser | undefined;
  /** Where repositories without files may be kept, to look up commits. */
  readonly cacheFolder: string;
}

export function gitRemote(url: string, options: GitOptions): GitRemote {
  const description = withoutCredentials(url);
  const mirror = join(options.cacheFolder, 'git', createHash('sha256').update(url).digest('hex').slice(0, 16));
  const env = { ...options.environment, GIT_TERMINAL_PROMPT: '0' };

  const git = (args: readonly string[], signal?: AbortSignal) =>
    run('git', args, { env, user: options.user, timeoutMs: TIMEOUT_MS, signal });

  async function ask(args: readonly string[], signal?: AbortSignal): Promise<string> {
    try {
      return await git(args, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(error);
    }
  }

  function unreachable(error: unknown): SourceError {
    const lines = error instanceof ProcessError ? error.logTail.slice(-3) : [];
    const why =
      lines.join(' ').replaceAll(url, description) || (error instanceof Error ? error.message : String(error));
    return new SourceError(`the package source ${description} does not answer: ${why}`);
  }

  async function openMirror(signal?: AbortSignal): Promise<void> {
    // It makes the folders above as well, as the user that it runs as.
    await ask(['init', '--quiet', '--bare', mirror], signal);
  }

  /** Fetches commits without trees and files. */
  const fetchCommits = (what: readonly string[], signal?: AbortSignal) =>
    git(['-C', mirror, 'fetch', '--quiet', '--no-write-fetch-head', '--filter=tree:0', url, ...what], signal);

  /** Did the remote answer, and refuse just this? */
  async function answersOtherwise(error: unknown, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    if (!(error instanceof ProcessError) || error.failure !== 'exit') throw unreachable(error);
    await ask(['ls-remote', '--quiet', url, 'HEAD'], signal);
    return true;
  }

  return {
    description,
    async find(references, signal) {
      // A peeled tag stands behind the tag itself, as refs/tags/v1^{}.
      const patterns = references.flatMap((name) => (name.startsWith('refs/tags/') ? [name, `${name}^{}`] : [name]));
      const commits = new Map<string, string>();
      for (const line of (await ask(['ls-remote', '--quiet', url, ...patterns], signal)).split('\n')) {
        const [commit, name] = line.split('\t');
        if (commit !== undefined && name !== undefined) commits.set(name, commit);
      }
      for (const name of references) {
        const commit = commits.get(`${name}^{}`) ?? commits.get(name);
        if (commit !== undefined) return commit;
      }
      return undefined;
    },
    async has(commit, signal) {
      await openMirror(signal);
      try {
        await fetchCommits(['--depth=1', commit], signal);
        return true;
      } catch (error) {
        return !(await answersOtherwise(error, signal));
      }
    },
    async expand(abbreviated, signal) {
      await openMirror(signal);
      try {
        await fetchCommits(['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'], signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw unreachable(error);
      }
      const found = await ask(['-C', mirror, 'rev-parse', `--disambiguate=${abbreviated}`], signal);
      const commits: string[] = [];
      for (const object of found.split('\n').filter((line) => line !== '')) {
        if ((await ask(['-C', mirror, 'cat-file', '-t', object], signal)).trim() === 'commit') commits.push(object);
      }
      return commits.length === 1 ? commits[0] : undefined;
    },
  };
}

/** A URL as it may be shown. Anything that is no URL (a path, host:path) has no password. */
function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}
