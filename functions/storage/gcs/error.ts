/** The status that Cloud Storage answered with; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, status } = error as { code?: unknown; status?: unknown };
  const found = Number(status ?? code);
  return Number.isInteger(found) && found >= 300 && found < 600 ? found : undefined;
}

/** Whether the answer was that the whole bucket is not there: a 404 as well, but never mere absence of an object. */
export function isBucketMissing(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && /bucket does not exist/i.test(messageOf(error));
}

/** Of a download that failed, the answer's text is beside the error. */
function messageOf(error: Error): string {
  const { response } = error as { response?: { data?: unknown } };
  return typeof response?.data === 'string' ? `${error.message}: ${response.data}` : error.message;
}

/** What happens to connections and is over when another one is made. */
const TRANSIENT_CODES = [
  ...['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED', 'ENETUNREACH', 'EAI_AGAIN'],
  'ERR_STREAM_PREMATURE_CLOSE',
];
const TRANSIENT_STATUSES = [408, 429, 500, 502, 503, 504];

/** Whether the same request may succeed a little later. */
export function isTransient(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return TRANSIENT_CODES.includes(String(code)) || TRANSIENT_STATUSES.includes(statusOf(error) ?? 0);
}

/** What `asking` resolves to, or undefined when there is no such object. */
export async function ifFound<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (statusOf(error) === 404 && !isBucketMissing(error)) return undefined;
    throw error;
  }
}

/** False when a precondition (of generation, say) did not hold, otherwise true. */
export async function ifMet(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (statusOf(error) === 412) return false;
    throw error;
  }
}

/**
 * What the client library threw, without what it carries along: its errors hold the whole request, the `Authorization`
 * header among it, and a log prints what an error holds.
 */
export function withoutRequest(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const { code } = error as { code?: unknown };
  const status = statusOf(error);
  const text = messageOf(error).trim().slice(0, MAX_MESSAGE_CHARACTERS);
  const message = status === undefined || text.includes(String(status)) ? text : `${text} (${status})`;
  const bare = new Error(message === '' ? error.name : message);
  bare.name = error.name;
  if (error.stack !== undefined) bare.stack = error.stack;
  return typeof code === 'string' || typeof code === 'number' ? Object.assign(bare, { code }) : bare;
}

/** A gateway may answer with a page of HTML. */
const MAX_MESSAGE_CHARACTERS = 500;
