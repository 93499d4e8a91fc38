/** What tells a client when to ask again, where what it asked for says so. */
export function retryAfter(outcome: object): Record<string, string> {
  return 'retryAfterSeconds' in outcome ? { 'Retry-After': String(outcome.retryAfterSeconds) } : {};
}
