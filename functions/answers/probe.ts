import type { Problem } from '../registry/readiness.ts';
import type { Answer } from './answer.ts';
import { json } from './json.ts';

/** Never kept by anybody in between. */
const HEADERS = { 'Cache-Control': 'no-store' };

/** `/health`: the process is alive, and that is all. */
export function healthAnswer(): Answer {
  return json(200, { status: 'alive' }, HEADERS);
}

/** `/ready`: 503 with what is wrong while no pull should be sent here. */
export function readyAnswer(problems: readonly Problem[]): Answer {
  return problems.length === 0
    ? json(200, { status: 'ready' }, HEADERS)
    : json(503, { status: 'not ready', problems }, HEADERS);
}
