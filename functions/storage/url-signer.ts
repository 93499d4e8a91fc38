import type { IoOptions } from './blob-store.ts';
import type { ObjectKey } from './object-key.ts';

/** URLs under which a client without credentials gets an object of a bucket, with GET alone. */
export interface UrlSigner {
  /** For the log at start: who signs, and how. Nothing secret. */
  readonly description: string;
  /** An absolute URL, at once where it is known; it is good for at least four minutes. */
  urlOf(key: ObjectKey, options?: IoOptions): string | Promise<string>;
}

/** No URL can be signed. The message says what to grant, when that is why. */
export class SigningError extends Error {
  readonly code = 'SIGNING';
  override readonly name = 'SigningError';
  /** Whether it may sign in a moment. */
  readonly isUnreachable: boolean;

  constructor(message: string, { cause, isUnreachable }: { readonly cause: Error; readonly isUnreachable: boolean }) {
    super(message, { cause });
    this.isUnreachable = isUnreachable;
  }
}
