import { Connection, type RawResponse } from './connection.ts';
import { broken, mutate, written } from './mutate.ts';
import { type Random, seeded } from './random.ts';
import { fuzzedRegistry } from './registry.ts';
import { realTraffic } from './traffic.ts';

/** What a run found. */
export interface FuzzReport {
  readonly requests: number;
  readonly seconds: number;
  /** Requests that were sent again, since the connection was closed under them. */
  readonly closed: number;
  /** How often each status came; 0 is a connection that was closed without an answer. */
  readonly statuses: ReadonlyMap<number, number>;
  /** What must not be, with the request that showed it. */
  readonly findings: readonly string[];
}

/** Requests that are under way at once. */
const CONNECTIONS = 16;
/** One in so many is no request any more, but bytes that were one. */
const BROKEN_ONE_IN = 8;
/** Enough to learn what is wrong. */
const MAX_FINDINGS = 20;

/**
 * Sends mutated traffic of real clients to a private registry in this process.
 *
 * @param options `maxSeconds`: it stops then, whether or not all is sent
 */
export async function fuzz(options: {
  readonly seed: number;
  readonly requests: number;
  readonly maxSeconds: number;
}): Promise<FuzzReport> {
  await using registry = await fuzzedRegistry();
  const { port } = registry.server;
  const traffic = realTraffic(`127.0.0.1:${port}`, registry.image, registry.authorization);
  const statuses = new Map<number, number>();
  const findings: string[] = [];
  const startedMs = performance.now();
  const isOver = () => performance.now() - startedMs > options.maxSeconds * 1000 || findings.length >= MAX_FINDINGS;
  let sent = 0;
  let closed = 0;

  async function sendOne(connection: Connection, random: Random): Promise<void> {
    const request = mutate(random.pick(traffic), random);
    const text = written(request);
    const isBroken = random.oneIn(BROKEN_ONE_IN);
    const bytes = isBroken ? broken(text, random) : text;
    // Node writes no body for what it reads as HEAD, whatever the bytes were to be.
    const isHead = /^(?:\r?\n)*HEAD /.test(bytes.toString('latin1'));
    const lastOf = isBroken ? new Connection(port) : connection;
    try {
      let response = await lastOf.send(bytes, isHead, isBroken);
      if (response === undefined && !isBroken) {
        // The server may close a connection that it thinks idle just then: clients send such a request again (RFC 9110,
        // section 9.2.2). What has no answer on a connection of its own has none.
        closed++;
        response = await lastOf.send(bytes, isHead, isBroken);
      }
      const status = response?.status ?? 0;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const wrong =
        response === undefined
          ? isBroken
            ? undefined
            : 'the connection was closed without an answer'
          : whatIsWrong(response, isHead, isBroken ? undefined : request.target, registry.canary);
      if (wrong !== undefined) findings.push(`${wrong}\n  ${JSON.stringify(bytes.toString('latin1'))}`);
    } catch (error) {
      findings.push(`${String(error)}\n  ${JSON.stringify(bytes.toString('latin1'))}`);
    } finally {
      if (isBroken) lastOf.close();
    }
  }

  async function work(index: number): Promise<void> {
    // Each connection has requests of its own, so that a seed decides them whatever comes first.
    const random = seeded(options.seed * CONNECTIONS + index);
    const connection = new Connection(port);
    for (let turn = index; turn < options.requests && !isOver(); turn += CONNECTIONS) {
      await sendOne(connection, random);
      sent++;
    }
    connection.close();
  }

  const rejected = (reason: unknown) => {
    findings.push(
      `a rejection that nobody handled: ${reason instanceof Error ? String(reason.stack) : String(reason)}`,
    );
  };
  process.on('unhandledRejection', rejected);
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => work(index)));
  } finally {
    process.off('unhandledRejection', rejected);
  }
  findings.push(...registry.faults.map((fault) => `the registry failed: ${fault}`));
  findings.push(...(await registry.strayFiles()).map((name) => `a file outside of the store: ${name}`));
  return { requests: sent, closed, seconds: (performance.now() - startedMs) / 1000, statuses, findings };
}

/** @param target undefined when it is not known what the server takes for it */
function whatIsWrong(
  { status, headers, body }: RawResponse,
  isHead: boolean,
  target: string | undefined,
  canary: string,
): string | undefined {
  const text = body.toString('latin1');
  if (status >= 500 || status < 200) return `status ${status}: ${text}`;
  if (text.includes(canary)) return 'the answer holds a file from outside of the store';
  if (/\n\s+at |node_modules/.test(text)) return `the answer tells of the inside: ${text}`;
  if (headers.has('x-powered-by') || headers.has('server')) return 'the answer tells what serves';
  if (status < 400) return undefined;
  const type = headers.get('content-type');
  // Outside of /v2/ there is a page.
  const mayBePage = target === undefined || !/^\/v2(?:[/?]|$)/.test(target);
  if (mayBePage && status === 404 && type === 'text/plain; charset=utf-8') return undefined;
  if (type !== 'application/json') return `an error of type ${String(type)}: ${text}`;
  if (isHead) return undefined;
  try {
    const { errors } = JSON.parse(body.toString()) as { errors: { code: unknown; message: unknown }[] };
    const [error] = errors;
    if (errors.length === 1 && typeof error?.code === 'string' && typeof error.message === 'string') return undefined;
  } catch {
    // It is told below.
  }
  return `an error that is not as the specification has it: ${text}`;
}
