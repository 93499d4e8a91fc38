import type { Answer } from './answer.ts';

/** On every answer below `/v2/`: how docker knows a registry. */
export const VERSION_HEADER = { 'Docker-Distribution-Api-Version': 'registry/2.0' };

/** A JSON body. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { ...VERSION_HEADER, 'Content-Type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

export function baseAnswer(): Answer {
  return json(200, {});
}
