import type { Answer } from './answer.ts';

/** On every answer below `/v2/`: how docker knows a registry. */
export const VERSION_HEADER = { 'Docker-Distribution-Api-Version': 'registry/2.0' };

/** A JSON body. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    // A browser that is sent here must not take what a name or a log says for a page.
    headers: { ...VERSION_HEADER, 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

export function baseAnswer(): Answer {
  return json(200, {});
}
