import type { Random } from './random.ts';
import type { SentRequest } from './traffic.ts';

/** What is strange in a path, a query or a header. None holds what ends a line: requests stay requests. */
const PARTS = [
  ...[
    '..',
    '../../..',
    '%2e%2e',
    '%2e%2e%2f',
    '..%2f..%2fcanary',
    '/../canary',
    '%00',
    '%zz',
    '%',
    '%c0%ae',
    '\\',
    '//',
    '/',
    '/./',
    '?',
    '#',
    '&',
  ],
  ...[
    'manifests',
    'blobs',
    'tags',
    'list',
    'referrers',
    'latest',
    'uploads',
    'v2',
    '_',
    '-',
    '.',
    ':',
    '@',
    '~',
    '*',
    '$',
    '{}',
  ],
  ...[
    'git',
    'jq',
    'fails',
    'denied',
    'arm64',
    'shell',
    'GIT',
    'sha256:',
    `sha256:${'0'.repeat(64)}`,
    `sha512:${'a'.repeat(128)}`,
  ],
  ...[
    'n=0',
    'n=-1',
    'n=1e9',
    'n=99999999999',
    'last=',
    'last=%ff',
    'hop=9',
    'hop=99',
    'build-failed=',
    'ns=x',
    '__proto__',
    'constructor',
  ],
  ...[
    'bytes=0-0',
    'bytes=-1',
    'bytes=9-1',
    'bytes=0-1,3-4',
    'bytes=99999999999999999999-',
    'bytes=-0',
    'bytes',
    '*',
    'W/"x"',
    '"',
  ],
  ...[
    '\u00e9',
    '\u00ff',
    '\t',
    ' ',
    ';',
    ',',
    '"',
    "'",
    '<script>',
    '\u001b[31m',
    'Basic ',
    'Bearer x',
    'Basic Og==',
    'Basic !!!!',
    'Basic Y2k6eA==',
  ],
] as const;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'QUERY'];

const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ['Range', ['bytes=0-0', 'bytes=5-2', 'bytes=-5', 'bytes=0-,5-', 'items=0-1', `bytes=${'0-1,'.repeat(500)}2-3`]],
  ['If-None-Match', ['*', '"x"', 'W/"x", "y"', ',,,,', `"${'a'.repeat(3000)}"`]],
  ['If-Modified-Since', ['Tue, 24 Nov 2026 00:00:00 GMT', 'never']],
  [
    'Authorization',
    ['', 'Basic', 'Basic Og==', 'Bearer abc', 'basic Y2k6eA==', `Basic ${'A'.repeat(5000)}`, 'Negotiate'],
  ],
  ['Accept', ['*/*', '', 'text/html', 'a'.repeat(2000)]],
  ['Accept-Encoding', ['gzip', 'identity;q=0', 'zstd, *']],
  [
    'Content-Type',
    ['application/json', 'application/json; charset=nope', 'application/cloudevents+json', 'multipart/form-data'],
  ],
  ['Content-Length', ['0', '5', '1073741825', '00']],
  ['Content-Encoding', ['gzip', 'nope']],
  ['Expect', ['100-continue', 'nonsense']],
  ['X-Forwarded-For', ['1.2.3.4', ',,,', '::1, 2001:db8::1', 'x'.repeat(3000)]],
  ['X-Cloud-Trace-Context', ['a/b;o=1', '0'.repeat(32), '"}']],
  ['Host', ['', 'other.example', '[::1]:80', 'a b']],
  ['Connection', ['close', 'keep-alive', 'upgrade', 'x, y']],
  ['Upgrade', ['h2c', 'websocket']],
  ['X-HTTP-Method-Override', ['DELETE']],
  ['Origin', ['null', 'https://evil.example']],
];

/** One to four changes to a request, each of which leaves it a request of HTTP. */
export function mutate(request: SentRequest, random: Random): SentRequest {
  let { method, target } = request;
  const headers = request.headers.map(([name, value]) => [name, value] as const);
  for (let change = random.below(4); change >= 0; change--) {
    switch (random.below(10)) {
      case 0:
        method = random.pick(METHODS);
        break;
      case 1:
      case 2:
      case 3:
      case 4:
        target = `/${changed(target.slice(1), random)}`;
        break;
      case 5:
        target += `${target.includes('?') ? '&' : '?'}${random.pick(PARTS)}=${random.pick(PARTS)}`;
        break;
      case 6: {
        const index = random.below(headers.length);
        const [name, value] = headers[index] ?? ['X', ''];
        headers[index] = [name, changed(value, random)];
        break;
      }
      case 7:
        headers.splice(random.below(headers.length), 1);
        break;
      default: {
        const [name, values] = random.pick(HEADERS);
        headers.push([name, random.pick(values)]);
      }
    }
  }
  // A space ends a target, and so do these.
  return { method, target: target.replaceAll(/[\s\0-\x1f\x7f]/g, ''), headers };
}

function changed(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1 + random.below(5));
    case 1:
      return text.slice(0, at) + text.slice(0, at);
    case 2:
      return text.slice(0, at) + random.pick(PARTS).repeat(random.oneIn(20) ? 200 : 1) + text.slice(at);
    case 3:
      return text.slice(0, at) + String.fromCharCode(33 + random.below(94)) + text.slice(at + 1);
    case 4: {
      const parts = text.split('/');
      parts[random.below(parts.length)] = random.pick(PARTS);
      return parts.join('/');
    }
    default:
      return text.slice(0, at) + random.pick(PARTS) + text.slice(at + random.below(20));
  }
}

/** A request as it is sent. */
export function written({ method, target, headers }: SentRequest): string {
  return `${method} ${target} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Bytes that were a request: changed, cut, doubled or joined with other bytes, anywhere. */
export function broken(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  for (let change = random.below(3); change >= 0; change--) bytes[random.below(bytes.length)] = random.below(256);
  const at = random.below(bytes.length);
  switch (random.below(5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes]);
    case 2:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(random.pick(['\r\n', '\n', '\0', '\r\n\r\n', ': '])),
        bytes.subarray(at),
      ]);
    case 3:
      return Buffer.concat([bytes, Buffer.alloc(random.below(2000), random.below(256))]);
    default:
      return bytes;
  }
}
