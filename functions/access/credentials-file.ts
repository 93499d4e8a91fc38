import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { type Credentials, CredentialsError, parseCredentials } from './credentials.ts';

/** The credentials in a file, as they are now. */
export interface CredentialsFile {
  current(): Credentials;
  stop(): void;
}

/** Mounted secrets send no events. A token that is removed is to be refused within five seconds. */
const LOOK_EVERY_MS = 3_000;
/** Thousands of users. */
const MAX_CHARACTERS = 1024 * 1024;

/**
 * Reads the credentials and goes on looking at the file: what is written to it is in force a few seconds later. Where that
 * cannot be read, or is none, the last good ones stay in force and an error is logged.
 *
 * @throws CredentialsError that names the file, when there are no good ones yet
 */
export async function credentialsFile(
  path: string,
  log: Pick<Logger, 'info' | 'error'>,
  { everyMs = LOOK_EVERY_MS }: { readonly everyMs?: number } = {},
): Promise<CredentialsFile> {
  const read = async () => {
    const content = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new CredentialsError(`it cannot be read: ${String(error)}`);
    });
    if (content.length > MAX_CHARACTERS) throw new CredentialsError(`it has more than ${MAX_CHARACTERS} characters`);
    return content;
  };
  const parse = (content: string) => ({ content, credentials: parseCredentials(content) });

  let last = await first();
  /** What was wrong at the last look: told once. */
  let problem: string | undefined;
  let looking = false;

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      const content = await read();
      if (content !== last.content) {
        last = parse(content);
        log.info({ path, users: last.credentials.userCount }, 'credentials changed');
      }
      problem = undefined;
    } catch (error) {
      const reason = error instanceof CredentialsError ? error.message : String(error);
      if (reason !== problem)
        log.error({ path, reason }, 'the file of credentials is wrong; those before are in force');
      problem = reason;
    } finally {
      looking = false;
    }
  }

  // Nobody waits for it, and it catches everything itself.
  const timer = setInterval(() => void look(), everyMs).unref();
  return {
    current: () => last.credentials,
    stop: () => {
      clearInterval(timer);
    },
  };

  async function first() {
    try {
      return parse(await read());
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      throw new CredentialsError(`the file of credentials ${path} is wrong: ${error.message}`, { cause: error });
    }
  }
}
