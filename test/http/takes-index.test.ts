import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takesIndex } from '../../functions/http/takes-index.ts';

const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';

describe('Accept', () => {
  it('takes an index where it says so, or nothing at all', () => {
    for (const accept of [
      undefined,
      '*/*',
      'application/*',
      INDEX,
      INDEX.toUpperCase(),
      // docker, podman and skopeo; ctr; "docker manifest inspect" of 20.10; ch-image.
      [DOCKER, LIST, MANIFEST, INDEX, 'application/vnd.docker.distribution.manifest.v1+json'].join(', '),
      `${DOCKER}, ${LIST}, ${MANIFEST}, ${INDEX}, */*`,
      `${LIST},${INDEX},${DOCKER}`,
      `${MANIFEST},${INDEX};q=0.5`,
      `${MANIFEST}, */*;q=0.001`,
    ])
      assert.equal(takesIndex(accept), true, accept);
  });

  it('takes none where it lists manifests alone, or says that an index is worth nothing', () => {
    for (const accept of [
      '',
      MANIFEST,
      `${DOCKER},${MANIFEST}`,
      LIST,
      `${MANIFEST},${INDEX};q=0`,
      `${INDEX}; q=0.00`,
      'text/html',
    ])
      assert.equal(takesIndex(accept), false, accept);
  });
});
