/** What a redirect of ours says to the next request. Anybody can write them, so nothing depends on them but waiting. */
export interface PullHints {
  /** How often this pull was sent on while its image was made. */
  readonly hop: number;
  /** It was sent on because its build failed. */
  readonly buildFailed: boolean;
}

/** What a request asks for; names, references and digests are as they came, checked by whoever uses them. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string; readonly hints: PullHints }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: string }
  | { readonly kind: 'tags'; readonly repository: string; readonly query: URLSearchParams }
  | {
      readonly kind: 'referrers';
      readonly repository: string;
      readonly digest: string;
      readonly query: URLSearchParams;
    }
  /** A method that a pull registry does not know. */
  | { readonly kind: 'unsupported-method' }
  /** Its path has escapes that are no UTF-8. */
  | { readonly kind: 'malformed' }
  /** Below `/v2/`, and nothing there. */
  | { readonly kind: 'no-endpoint' }
  /** What probes ask, without credentials. Google's front end answers paths that end in z by itself. */
  | { readonly kind: 'health' }
  | { readonly kind: 'ready' }
  /** Anything else outside `/v2/`. */
  | { readonly kind: 'page'; readonly path: string; readonly query: URLSearchParams };

/**
 * Finds the endpoint of a request (distribution-spec 1.1, "Endpoints"). Names hold slashes and may hold the words
 * `manifests`, `blobs` and `tags` themselves, so a path is read from its end. Nothing is decoded: the grammar of names,
 * tags and digests needs no escapes.
 *
 * @param target path and query, as in the request line
 */
export function route(method: string, target: string): Route {
  const question = target.indexOf('?');
  const path = pathOf(target);
  if (path === '/health') return { kind: 'health' };
  if (path === '/ready') return { kind: 'ready' };
  const query = () => new URLSearchParams(question === -1 ? '' : target.slice(question));
  if (path !== '/v2' && !path.startsWith('/v2/')) return { kind: 'page', path, query: query() };
  if (method !== 'GET' && method !== 'HEAD') return { kind: 'unsupported-method' };
  if (!isDecodable(path)) return { kind: 'malformed' };
  const rest = path.slice('/v2/'.length);
  if (rest === '') return { kind: 'base' };

  const segments = rest.split('/');
  const [endpoint, last] = segments.slice(-2);
  const repository = segments.slice(0, -2).join('/');
  if (endpoint === undefined || last === undefined) return { kind: 'no-endpoint' };
  switch (endpoint) {
    case 'manifests':
      return { kind: 'manifest', repository, reference: last, hints: question === -1 ? NO_HINTS : hintsOf(query()) };
    case 'blobs':
      return { kind: 'blob', repository, digest: last };
    case 'referrers':
      return { kind: 'referrers', repository, digest: last, query: query() };
    case 'tags':
      return last === 'list' ? { kind: 'tags', repository, query: query() } : { kind: 'no-endpoint' };
    default:
      return { kind: 'no-endpoint' };
  }
}

const NO_HINTS: PullHints = { hop: 0, buildFailed: false };

function hintsOf(query: URLSearchParams): PullHints {
  const hop = query.get('hop') ?? '';
  return { hop: /^\d$/.test(hop) ? Number(hop) : 0, buildFailed: query.has('build-failed') };
}

/** What stands before the question mark. */
function pathOf(target: string): string {
  const question = target.indexOf('?');
  return question === -1 ? target : target.slice(0, question);
}

/** Whether the framework can decode a path; with another it answers by itself, with a page of HTML. */
function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false; // URIError: the escapes are no UTF-8.
  }
}
