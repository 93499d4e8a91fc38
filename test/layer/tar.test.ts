import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { END_OF_ARCHIVE, paddingBytes, tarHeader, type TarEntry } from '../../functions/layer/tar.ts';
import { byteString } from '../../functions/layer/tree.ts';
import { listArchive, sha256 } from './fixture.ts';

function archive(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const size = entry.kind === 'file' ? entry.size : 0;
    return [tarHeader(entry), Buffer.alloc(size, 'x'), Buffer.alloc(paddingBytes(size))];
  });
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

const long = (length: number) => 'd/'.repeat(Math.floor(length / 2)).slice(0, length - 1) + 'e';

describe('tarHeader', () => {
  it('spells the fields of a ustar header', () => {
    const header = tarHeader({ kind: 'file', path: 'nix/store/x/a', mode: 0o444, size: 1000 });
    const field = (start: number, end: number) => header.toString('latin1', start, end);
    assert.equal(header.length, 512);
    assert.equal(field(0, 14), 'nix/store/x/a\0');
    assert.equal(field(100, 124), '0000444\x000000000\x000000000\0');
    assert.equal(field(124, 148), '00000001750\x0000000000001\0');
    assert.equal(field(156, 158), '0\0');
    assert.equal(field(257, 265), 'ustar\x0000');
    assert.equal(field(265, 512).replaceAll('\0', ''), '00000000000000');
  });

  it('gives the same bytes for ever', () => {
    const bytes = archive([
      { kind: 'directory', path: 'nix', mode: 0o755 },
      { kind: 'file', path: 'nix/caf\xe9', mode: 0o555, size: 5 },
      { kind: 'symlink', path: 'nix/link', target: long(120) },
      { kind: 'file', path: long(300), mode: 0o444, size: 0 },
    ]);
    assert.equal(sha256(bytes), 'sha256:24d8ef85455306f77f477b035bcb607a7b89c5dd67ebea331801df1b0d7fe1c2');
  });

  it('never has setuid or setgid', () => {
    const header = tarHeader({ kind: 'file', path: 'su', mode: 0o6755, size: 0 });
    assert.equal(header.toString('latin1', 100, 107), '0000755');
    const temporary = tarHeader({ kind: 'directory', path: 'tmp', mode: 0o1777 });
    assert.equal(temporary.toString('latin1', 100, 107), '0001777');
  });

  it('is read by python at every length around the limits of ustar', () => {
    const lengths = [99, 100, 101, 155, 156, 157, 254, 255, 256, 257, 400];
    const entries: TarEntry[] = lengths.flatMap((length): TarEntry[] => [
      { kind: 'file', path: long(length), mode: 0o444, size: 1 },
      { kind: 'file', path: 'n'.repeat(length), mode: 0o444, size: 1 },
      { kind: 'directory', path: `dir/${'n'.repeat(length)}`, mode: 0o555 },
      { kind: 'symlink', path: `link-${length}`, target: 't'.repeat(length) },
    ]);
    const listed = listArchive(archive(entries));
    assert.deepEqual(
      listed.map(({ name, target, type }) => [type, name, target]),
      entries.map((entry) => [entry.kind, entry.path, entry.kind === 'symlink' ? entry.target : '']),
    );
  });

  it('keeps names that are not UTF-8, short and long', () => {
    const paths = ['caf\xe9', byteString('日本'), `${'\xff\xfe'.repeat(100)}/x`, byteString('日'.repeat(80))];
    const entries = paths.map((path): TarEntry => ({ kind: 'symlink', path, target: path }));
    assert.deepEqual(
      listArchive(archive(entries)).map(({ name, target }) => [name, target]),
      paths.map((path) => [path, path]),
    );
  });

  it('writes sizes up to and above 8 GiB', () => {
    const sizeFrom = (header: Buffer): string =>
      execFileSync(
        'python3',
        [
          '-c',
          `import io, sys, tarfile
print(tarfile.TarFile(fileobj=io.BytesIO(sys.stdin.buffer.read() + bytes(1024)), ignore_zeros=False).next().size)`,
        ],
        { input: header },
      )
        .toString()
        .trim();
    for (const size of [8 * 2 ** 30 - 1, 8 * 2 ** 30, 3 * 2 ** 40]) {
      assert.equal(sizeFrom(tarHeader({ kind: 'file', path: 'big', mode: 0o444, size })), String(size));
    }
  });

  it('makes archives that GNU tar lists as they were meant', () => {
    const name = fc
      .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 120 })
      .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('/', '_'))
      .filter((text) => text !== '.' && text !== '..');
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    const entry: fc.Arbitrary<TarEntry> = fc.oneof(
      fc.record({ kind: fc.constant('directory' as const), path, mode: fc.constant(0o555) }),
      fc.record({ kind: fc.constant('file' as const), path, mode: fc.constant(0o444), size: fc.nat({ max: 2000 }) }),
      fc.record({ kind: fc.constant('symlink' as const), path, target: path }),
    );
    fc.assert(
      fc.property(fc.array(entry, { minLength: 20, maxLength: 100, size: 'max' }), (entries) => {
        const bytes = archive(entries);
        const listed = execFileSync('tar', ['-t', '--quoting-style=literal', '--null', '--show-transformed-names'], {
          input: bytes,
          env: { ...process.env, LC_ALL: 'C' },
          stdio: ['pipe', 'pipe', 'ignore'],
        }).toString('latin1');
        const expected = entries.map(({ kind, path }) => (kind === 'directory' ? `${path}/` : path));
        assert.equal(listed, expected.map((one) => `${one}\n`).join(''));
        assert.deepEqual(
          listArchive(bytes).map(({ name, type, size, mode, uid, gid, mtime }) => ({
            name,
            type,
            size,
            mode,
            uid,
            gid,
            mtime,
          })),
          entries.map((one) => ({
            name: one.path,
            type: one.kind,
            size: one.kind === 'file' ? one.size : 0,
            mode: one.kind === 'symlink' ? 0o777 : one.mode,
            uid: 0,
            gid: 0,
            mtime: 1,
          })),
        );
      }),
      { numRuns: 5 },
    );
  });
});
