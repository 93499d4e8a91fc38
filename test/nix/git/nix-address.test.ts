import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nixAddress } from '../../../functions/nix/git/nix-address.ts';

describe('nixAddress', () => {
  it('makes a URL of what git writes with a colon, and nothing of the rest', () => {
    const addresses = {
      'git@host.example:a/b.git': 'ssh://git@host.example/a/b.git',
      'host.example:a/b': 'ssh://host.example/a/b',
      'git@host.example:/srv/b': 'ssh://git@host.example/srv/b',
      'ssh://git@host.example:22/a': 'ssh://git@host.example:22/a',
      'https://host.example/a:b': 'https://host.example/a:b',
      '/srv/a:b': '/srv/a:b',
      './a:b': './a:b',
    };
    for (const [address, url] of Object.entries(addresses)) assert.equal(nixAddress(address), url, address);
  });
});
