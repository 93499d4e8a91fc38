import { run } from '../support/command.ts';

const CONNECTIONS = 16;
const SECONDS = 4;

/**
 * How many requests a second a server answers, to 16 connections that ask again as soon as they have their answer. The
 * client is wrk, of Debian: written in C, it takes a tenth of a core where one in JavaScript takes one of the two that
 * there are, and the server is what is measured.
 *
 * @throws Error when an answer is neither 2xx nor 3xx, or a connection fails
 */
export async function requestRate(url: string): Promise<number> {
  const printed = await run('wrk', ['--threads', '1', '-c', String(CONNECTIONS), '-d', `${SECONDS}s`, url]);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1];
  if (rate === undefined || /Non-2xx|Socket errors/.test(printed)) throw new Error(`${url}\n${printed}`);
  return Number(rate);
}
