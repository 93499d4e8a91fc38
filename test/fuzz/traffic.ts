import type { StoredSample } from '../support/store/stored-image.ts';

/** A request as a client writes it. */
export interface SentRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** The requests of pulls by the clients that there are, as they write them, for an image that is there. */
export function realTraffic(host: string, image: StoredSample, authorization: string): SentRequest[] {
  const accept = [
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.manifest.v1+json, */*',
  ].join(', ');
  const login = ['Authorization', authorization] as const;
  const agent = (name: string) => ['User-Agent', name] as const;
  const layer = Object.values(image.packed)[0] ?? image.config;
  const request = (method: string, target: string, ...headers: (readonly [string, string])[]): SentRequest => ({
    method,
    target,
    headers: [['Host', host], ...headers],
  });
  const containerd = agent('containerd/1.6.20~ds1');
  const docker = agent('docker/20.10.24 go/go1.19 kernel/6.1 os/linux arch/amd64 UpstreamClient(Docker-Client/20.10)');
  const skopeo = agent('skopeo/1.9.3');
  return [
    request('GET', '/v2/', docker),
    request('GET', '/v2/', docker, login),
    request('HEAD', '/v2/git/jq/manifests/latest', docker, login, ['Accept', accept]),
    request('GET', `/v2/git/jq/manifests/${image.digest}`, docker, login, ['Accept', accept]),
    request('GET', `/v2/git/jq/blobs/${image.config}`, docker, login, ['Accept-Encoding', 'identity']),
    request('GET', `/v2/git/jq/blobs/${layer}`, docker, login, ['Range', 'bytes=10-'], ['Connection', 'close']),
    request('HEAD', '/v2/git/jq/manifests/latest?ns=docker.io', containerd, login, ['Accept', accept]),
    request('GET', `/v2/git/jq/blobs/${layer}?ns=docker.io`, containerd, login, ['Range', 'bytes=0-99']),
    request(
      'GET',
      '/v2/git/jq/manifests/latest',
      skopeo,
      login,
      ['Accept', accept],
      ['If-None-Match', `"${image.digest}"`],
    ),
    request('GET', '/v2/git/jq/tags/list?n=10&last=a', skopeo, login),
    request('GET', `/v2/git/jq/referrers/${image.digest}?artifactType=application/spdx`, agent('oras/1.2'), login),
    request('GET', `/v2/git/jq/manifests/sha256-${image.digest.slice(7)}.sig`, agent('cosign/2.4'), login),
    request('HEAD', `/v2/git/jq/blobs/${image.joined}`, agent('crane/0.20'), login),
    request('GET', '/v2/jq/manifests/latest?hop=3', containerd, login),
    request('GET', '/v2/fails/manifests/latest?build-failed=x', containerd, login),
    request('GET', '/v2/denied/jq/manifests/latest', docker, login),
    request('GET', '/v2/denied/manifests/latest?build-failed=denied', docker, login),
    request('POST', '/v2/git/jq/blobs/uploads/', docker, login, ['Content-Length', '0']),
    request('PUT', '/v2/git/jq/manifests/latest', docker, login, ['Content-Length', '400000000']),
    request('GET', '/', agent('curl/8'), ['X-Forwarded-For', '203.0.113.9']),
    request('GET', '/v2/_catalog', agent('curl/8'), login, [
      'traceparent',
      `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    ]),
  ];
}
