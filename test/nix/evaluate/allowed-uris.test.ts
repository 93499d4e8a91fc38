import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allowedUris } from '../../../functions/nix/evaluate/allowed-uris.ts';

const revision = 'd4b1ac32d11e0aeaffcccc95e63df2a03039c188';
const PARAMETERS = `exportIgnore=1&rev=${revision}`;

describe('allowedUris', () => {
  // What Nix 2.26.3 says it was refused, of `builtins.fetchGit` with a revision and all references.
  const written: [address: string, uri: string][] = [
    ['https://host.example/a/b.git', `git+https://host.example/a/b.git?${PARAMETERS}`],
    ['https://host.example:8443/a%20b.git?x=1', `git+https://host.example:8443/a%20b.git?${PARAMETERS}&x=1`],
    ['http://127.0.0.1:99/r', `git+http://127.0.0.1:99/r?${PARAMETERS}`],
    ['ssh://git@host.example/a/b.git', `git+ssh://git@host.example/a/b.git?${PARAMETERS}`],
    ['git://host.example/a', `git://host.example/a?${PARAMETERS}`],
    ['file:///srv/packages', `git+file:///srv/packages?${PARAMETERS}`],
    ['/srv/packages', `git+file:///srv/packages?${PARAMETERS}`],
  ];
  for (const [url, uri] of written) {
    it(`allows ${url} as it is, and as newer versions of Nix write it`, () => {
      assert.deepEqual(allowedUris({ kind: 'git', url, revision }), [url, uri]);
    });
  }

  it('allows an archive as it is', () => {
    const url = 'https://host.example/archive/1.tar.gz';
    assert.deepEqual(allowedUris({ kind: 'tarball', url }), [url]);
  });
});
