import type { IncomingMessage } from 'node:http';

/** What goes wrong with a request. */
export type Fault =
  /** Answered with this status, before anything is done. */
  | { readonly kind: 'status'; readonly status: number; readonly reason: string; readonly message: string }
  /** The connection is reset, before anything is done. */
  | { readonly kind: 'reset' }
  /** The connection is reset when so many bytes of the request's body have arrived, and are kept. */
  | { readonly kind: 'reset-upload'; readonly afterBytes: number }
  /** The connection is reset when so many bytes of the answer's body are out. */
  | { readonly kind: 'reset-download'; readonly afterBytes: number }
  /** Done, but the answer is lost: the connection is reset instead, and the client asks again. */
  | { readonly kind: 'lost-answer' }
  /** The last byte of an upload is changed on its way. */
  | { readonly kind: 'corrupt-upload' }
  /** The request is taken, and never answered. */
  | { readonly kind: 'hang' }
  /** The answer's head and so many bytes of its body are sent, and then nothing more; the connection stays. */
  | { readonly kind: 'stall-download'; readonly afterBytes: number }
  /** Answered after this time. */
  | { readonly kind: 'slow'; readonly delayMs: number };

export interface FaultRule {
  /** Which requests; default all. */
  readonly when?: (request: {
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingMessage['headers'];
  }) => boolean;
  /** How many of them; default 1. */
  readonly times?: number;
  readonly fault: Fault;
}

/** An answer that says to come again. */
export function unavailable(status = 503): Fault {
  const reason = status === 429 ? 'rateLimitExceeded' : 'backendError';
  return {
    kind: 'status',
    status,
    reason,
    message: status === 429 ? 'Quota exceeded.' : 'We encountered an internal error.',
  };
}

/** The rules that a test has set, each used up by the requests that it hits. */
export class Faults {
  #rules: { rule: FaultRule; left: number }[] = [];

  add(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times ?? 1 });
  }

  clear(): void {
    this.#rules = [];
  }

  /** What goes wrong with this request; undefined for most. */
  take(request: IncomingMessage): Fault | undefined {
    const { method = '', url = '', headers } = request;
    const hit = this.#rules.find(({ rule, left }) => left > 0 && (rule.when?.({ method, path: url, headers }) ?? true));
    if (hit === undefined) return undefined;
    hit.left--;
    return hit.rule.fault;
  }
}
