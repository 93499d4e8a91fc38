import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePathInfo } from '../../functions/nix/closure.ts';

const a = '/nix/store/00000000000000000000000000000000-a';
const b = '/nix/store/11111111111111111111111111111111-b';
const narHash = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const base = (path: string) => path.slice('/nix/store/'.length);

const expected = [{ path: a, narHash, narSizeBytes: 100, references: [b] }];

describe("the JSON of Nix's path-info", () => {
  it('is understood as a list (until 2.18)', () => {
    assert.deepEqual(parsePathInfo([{ path: a, narHash, narSize: 100, references: [a, b], valid: true }]), expected);
  });

  it('is understood as an object by path', () => {
    assert.deepEqual(parsePathInfo({ [a]: { narHash, narSize: 100, references: [b, a] } }), expected);
  });

  it('is understood with a version and names without the folder', () => {
    const hash = { algorithm: 'sha256', format: 'base64', hash: narHash.slice('sha256-'.length) };
    const info = { [base(a)]: { narHash: hash, narSize: 100, references: [base(a), base(b)] } };
    assert.deepEqual(parsePathInfo({ version: 2, storeDir: '/nix/store', info }), expected);
  });

  it('gives nothing when a path is not there', () => {
    assert.equal(parsePathInfo({ [a]: null }), undefined);
    assert.equal(parsePathInfo([{ path: a, valid: false, narHash, narSize: 0, references: [] }]), undefined);
  });

  it('is refused when it is of another shape', () => {
    assert.throws(() => parsePathInfo([{ path: '/etc/passwd', narHash, narSize: 1, references: [] }]), /no store path/);
    assert.throws(() => parsePathInfo([{ path: a, narHash: 'md5-x', narSize: 1, references: [] }]), /NAR hash/);
    assert.throws(() => parsePathInfo('text'));
  });
});
