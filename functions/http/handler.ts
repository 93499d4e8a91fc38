import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Budget } from '../access/budget.ts';
import { type AddressSource, clientAddress } from '../access/client-address.ts';
import type { Admission, Gate } from '../access/gate.ts';
import type { BlobOutcome, ManifestOutcome } from '../registry/outcome.ts';
import type { Readiness } from '../registry/readiness.ts';
import type { Registry } from '../registry/registry.ts';
import { type Answer, send } from '../answers/answer.ts';
import { type Pages, welcomeAnswer } from '../answers/page.ts';
import type { Audit } from './audit.ts';
import { blobAnswer, redirectAnswer } from '../answers/blob.ts';
import {
  bodyAnswer,
  errorAnswer,
  failureAnswer,
  malformedTargetAnswer,
  noEndpointAnswer,
  unsupportedAnswer,
} from '../answers/error.ts';
import { baseAnswer } from '../answers/json.ts';
import { badPageAnswer, referrersAnswer, tagsAnswer } from '../answers/list.ts';
import { isFromElsewhere } from './fetch-site.ts';
import { manifestAnswer } from '../answers/manifest.ts';
import { healthAnswer, readyAnswer } from '../answers/probe.ts';
import { originOf } from './public-origin.ts';
import { buildFailedHopAnswer, hopAnswer, isBuildFailure } from '../answers/pull-redirect.ts';
import { refusedAnswer } from '../answers/refused-login.ts';
import { bringsBody } from '../answers/request-body.ts';
import { type Route, route } from './route.ts';
import { takesIndex } from './takes-index.ts';
import { traceContextOf } from './trace-context.ts';

/** containerd and skopeo follow at most this many redirects of one request. */
const LAST_HOP = 9;

/** What only who may pull gets to see. */
type GuardedRoute = Exclude<Route, { kind: 'health' | 'ready' }>;

/** Who asks, and for how long it stays. */
interface Caller {
  readonly user: string | undefined;
  readonly address: string;
  readonly signal: AbortSignal;
}

export type Handler = (request: IncomingMessage & { originalUrl?: string }, response: ServerResponse) => Promise<void>;

/** The wire: one request in, one answer out, and the one place where an error that nobody expected ends. */
export function handler(world: {
  readonly registry: Registry;
  readonly gate: Gate;
  /** Where a client's address is to be found. */
  readonly addresses: AddressSource;
  readonly log: Pick<Logger, 'error'>;
  readonly audit: Audit;
  readonly readiness: Readiness;
  /** Images that a user, or an address without one, may have made; any number when absent. */
  readonly builds?: Budget | undefined;
  /** References that are not there, and that each of them may have looked up; any number when absent. */
  readonly lookUps?: Budget | undefined;
  /** What lies outside of /v2/; a word of welcome when absent. */
  readonly pages?: Pages | undefined;
  /** Where this registry is reached; what the client says when absent. */
  readonly publicOrigin?: string | undefined;
  /** Is told of every answer. */
  readonly observe?: ((route: Route['kind'], status: number) => void) | undefined;
  /** How long a pull waits for its image before it is sent on, in milliseconds. */
  readonly holdMs: number;
}): Handler {
  const { registry, gate, addresses, log, builds, pages = welcomeAnswer } = world;

  const lookUpsOf = ({ user, address }: Caller) => world.lookUps?.of(user ?? address);
  const originFor = ({ headers }: IncomingMessage) =>
    world.publicOrigin ?? originOf(headers, addresses.kind === 'forwarded');

  /** Where the build behind an outcome is to be seen; undefined where there are no pages, or nothing to see. */
  function pageOf(request: IncomingMessage, outcome: ManifestOutcome): string | undefined {
    const build = 'build' in outcome ? outcome.build : undefined;
    const origin = world.pages && build !== undefined ? originFor(request) : undefined;
    return origin && `${origin}/builds/${build ?? ''}`;
  }

  /** PROTOCOL: no answer of a pull may take longer than clients wait for headers; the last hop may, for those without a limit. */
  function pullAnswer(request: IncomingMessage, at: Extract<Route, { kind: 'manifest' }>, from: Caller) {
    const { repository, reference, hints } = at;
    const startedMs = performance.now();
    const isLast = hints.buildFailed || hints.hop >= LAST_HOP;
    const holdMs = isLast ? undefined : world.holdMs;
    const budget = builds?.of(from.user ?? from.address);
    const trace = traceContextOf(request.headers);
    const asker = {
      ...{ repository, reference },
      ...(from.user !== undefined && { user: from.user }),
      ...(trace?.spanId !== undefined && { trace: { traceId: trace.traceId, spanId: trace.spanId } }),
    };
    const options = {
      signal: from.signal,
      holdMs,
      budget,
      lookUps: lookUpsOf(from),
      asker,
      takesIndex: takesIndex(request.headers.accept),
    };
    const resolving = registry.resolveManifest(repository, reference, options);
    return resolving instanceof Promise ? resolving.then(answer) : answer(resolving);

    function answer(outcome: ManifestOutcome): Answer {
      if (!isLast && outcome.kind === 'in-progress') return hopAnswer(repository, reference, hints.hop + 1);
      const page = pageOf(request, outcome);
      if (!isLast && isBuildFailure(outcome)) return buildFailedHopAnswer(repository, reference, outcome, page);
      world.audit(request, { ...from, repository, reference, startedMs }, outcome);
      return manifestAnswer(outcome, request.headers['if-none-match'], page);
    }
  }

  function blobAnswerTo(request: IncomingMessage, at: Extract<Route, { kind: 'blob' }>, signal: AbortSignal) {
    const finding = registry.findBlob(at.repository, at.digest, { signal });
    return finding instanceof Promise ? finding.then(answer) : answer(finding);

    function answer(outcome: BlobOutcome): Answer | Promise<Answer> {
      // A URL that is signed for GET refuses HEAD.
      if (outcome.kind !== 'redirect' || request.method !== 'GET') {
        return blobAnswer(outcome, request.headers.range, request.headers['if-none-match']);
      }
      const location = outcome.location();
      return location instanceof Promise
        ? location.then((url) => redirectAnswer(outcome.digest, url))
        : redirectAnswer(outcome.digest, location);
    }
  }

  async function tagsAnswerTo({ repository, query }: Extract<Route, { kind: 'tags' }>, from: Caller) {
    const n = query.get('n');
    const last = query.get('last');
    if (n !== null && !/^\d{1,9}$/.test(n)) return badPageAnswer();
    const page = { ...(n !== null && { n: Number(n) }), ...(last !== null && { last }) };
    return tagsAnswer(await registry.listTags(repository, page, { signal: from.signal, lookUps: lookUpsOf(from) }));
  }

  function answerTo(request: IncomingMessage, at: GuardedRoute, from: Caller): Answer | Promise<Answer> {
    const { signal } = from;
    switch (at.kind) {
      case 'base':
        return baseAnswer();
      case 'manifest':
        return isFromElsewhere(request)
          ? errorAnswer('DENIED', 'a page of another site may not pull')
          : pullAnswer(request, at, from);
      case 'blob':
        return blobAnswerTo(request, at, signal);
      case 'tags':
        return tagsAnswerTo(at, from);
      case 'referrers':
        return referrersAnswer(registry.listReferrers(at.repository, at.digest), at.query.has('artifactType'));
      case 'page': {
        const { method = 'GET', headers } = request;
        return pages({
          ...at,
          ...from,
          lookUps: lookUpsOf(from),
          method,
          headers,
          origin: originFor(request),
        });
      }
      case 'unsupported-method':
        return unsupportedAnswer();
      case 'no-endpoint':
        return noEndpointAnswer();
      case 'malformed':
        return malformedTargetAnswer();
      default:
        throw new RangeError(`no such route: ${String(at satisfies never)}`);
    }
  }

  /** Everything but probes is behind the gate, what is wrong with a request included. */
  function guardedAnswerTo(request: IncomingMessage, at: Route, signal: AbortSignal): Answer | Promise<Answer> {
    if (at.kind === 'health') return healthAnswer();
    if (at.kind === 'ready') return world.readiness.problems().then(readyAnswer);
    const guarded: GuardedRoute = at;
    // Node joins several of them to one text.
    const forwarded = request.headers['x-forwarded-for'] as string | undefined;
    const address = clientAddress(addresses, forwarded, request.socket.remoteAddress);
    const admitting = gate.admit(request.headers.authorization, address);
    return admitting instanceof Promise ? admitting.then(answer) : answer(admitting);

    function answer(admission: Admission): Answer | Promise<Answer> {
      if (admission.kind !== 'admitted') return refusedAnswer(admission);
      if (guarded.kind !== 'unsupported-method' && bringsBody(request)) return bodyAnswer();
      return answerTo(request, guarded, { user: admission.user, address, signal });
    }
  }

  return async (request, response) => {
    // Express cuts a prefix off `url` when it mounts handlers; the original is the request line's.
    const target = request.originalUrl ?? request.url ?? '/';
    const gone = new AbortController();
    response.once('close', () => {
      // After a whole answer nobody listens to the signal, and its reason, an error with a stack, would be made in vain.
      if (!response.writableFinished) gone.abort();
    });
    const { signal } = gone;
    try {
      const at = route(request.method ?? 'GET', target);
      const answering = guardedAnswerTo(request, at, signal);
      const answer = answering instanceof Promise ? await answering : answering;
      world.observe?.(at.kind, answer.status);
      await send(request, response, answer, signal);
    } catch (error) {
      if (signal.aborted) return; // Nobody is there to be told.
      log.error({ err: error, target }, 'a request failed');
      const answer = failureAnswer(error);
      world.observe?.(route(request.method ?? 'GET', target).kind, answer.status);
      if (response.headersSent) response.destroy();
      else await send(request, response, answer, signal);
    }
  };
}
