import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeAt } from '../../../functions/layer/root-node.ts';
import { rootTar } from '../../../functions/layer/root-layer.ts';
import { rootTree } from '../../../functions/layer/root/root.ts';
import { type Files, link, listArchive, program, storePath, treeOf } from '../fixture.ts';
import { comesToAnEnd } from '../../support/end.ts';

const asked = (name: string, files: Files, priority = 5) => ({ path: storePath(name), tree: treeOf(files), priority });
const propagated = (name: string, files: Files) => ({ path: storePath(name), tree: treeOf(files) });

/** Where things are: `path` to mode, link target or text. */
function look(requested: ReturnType<typeof asked>[], others: ReturnType<typeof propagated>[] = []) {
  const { root, collisions } = rootTree({ requested, propagated: others });
  const at = (path: string): string | undefined => {
    const node = nodeAt(root, path);
    if (node === undefined) return undefined;
    if (node.kind === 'directory') return `directory ${node.mode.toString(8)}`;
    return node.kind === 'symlink' ? `-> ${node.target}` : node.content.toString();
  };
  return { root, collisions, at };
}
const into = (name: string, below: string) => `-> ${storePath(name)}/${below}`;

describe("an image's root", () => {
  it('has what every program expects', () => {
    const { at } = look([asked('hello', { bin: { hello: program('') } })]);
    const expected = {
      bin: 'directory 755',
      etc: 'directory 755',
      nix: 'directory 755',
      'nix/store': 'directory 755',
      root: 'directory 700',
      tmp: 'directory 1777',
      'var/tmp': 'directory 1777',
      'var/lib': 'directory 755',
      'var/run': '-> /run',
      sbin: '-> bin',
      'usr/bin': '-> ../bin',
      'usr/sbin': '-> ../sbin',
      'usr/lib': undefined,
      'usr/etc': undefined,
      'usr/tmp': undefined,
      'bin/sh': undefined,
      lib64: undefined,
    };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((path) => [path, at(path)])), expected);
    assert.match(at('etc/passwd') ?? '', /^root:x:0:0:root:\/root:\/bin\/sh\nnobody:x:65534:/);
    for (const file of ['etc/group', 'etc/nsswitch.conf', 'etc/os-release']) assert.match(at(file) ?? '', /\n$/);
  });

  it('links a directory that one package provides, and merges those that several provide', () => {
    const { at } = look([
      asked('git', { bin: { git: program('') }, lib: { 'git-core': { a: '' } }, share: { man: { a: '' }, git: {} } }),
      asked('perl', { bin: { perl: program('') }, share: { man: { b: '' }, perl5: { x: '' } } }),
    ]);
    assert.equal(at('lib'), into('git', 'lib'));
    assert.equal(at('share'), 'directory 755');
    assert.equal(at('share/man/a'), into('git', 'share/man/a'));
    assert.equal(at('share/man/b'), into('perl', 'share/man/b'));
    assert.equal(at('share/perl5'), into('perl', 'share/perl5'));
    assert.equal(at('share/git'), into('git', 'share/git'));
    assert.equal(at('bin/perl'), into('perl', 'bin/perl'));
    assert.equal(at('usr/lib'), '-> ../lib');
    assert.equal(at('usr/share'), '-> ../share');
    assert.equal(at('lib64'), '-> lib');
  });

  it('lets the lower priority number win, then the first, and what is propagated last', () => {
    const requested = [
      asked('first', { bin: { x: '', y: '', z: '' } }),
      asked('second', { bin: { x: '', y: '' } }),
      asked('strong', { bin: { y: '' } }, 1),
    ];
    const { at, collisions } = look(requested, [
      propagated('p', { bin: { x: '', q: '' } }),
      propagated('q', { bin: { q: '' } }),
    ]);
    assert.equal(at('bin/x'), into('first', 'bin/x'));
    assert.equal(at('bin/y'), into('strong', 'bin/y'));
    assert.equal(at('bin/z'), into('first', 'bin/z'));
    assert.equal(at('bin/q'), into('p', 'bin/q'));
    assert.deepEqual(
      collisions.map(({ path, loser }) => [path, loser]),
      [
        ['bin/y', `${storePath('first')}/bin/y`],
        ['bin/y', `${storePath('second')}/bin/y`],
        ['bin/x', `${storePath('second')}/bin/x`],
        ['bin/x', `${storePath('p')}/bin/x`],
        ['bin/q', `${storePath('q')}/bin/q`],
      ],
    );
  });

  it('decides between a file and a directory by strength, and says so', () => {
    const file = asked('file', { share: { x: '' } });
    const directory = asked('directory', { share: { x: { y: '' } } });
    const one = look([file, directory]);
    assert.equal(one.at('share/x'), into('file', 'share/x'));
    const other = look([directory, file]);
    assert.equal(other.at('share/x'), into('directory', 'share/x'));
    assert.equal(one.collisions.length + other.collisions.length, 2);
  });

  it('merges sbin into bin and lib64 into lib, also where they are links', () => {
    const { at, collisions } = look([
      asked('merged', { bin: { tool: '' }, sbin: link('bin'), lib: { 'a.so': '' }, lib64: link('lib') }),
      asked('split', {
        bin: { user: '' },
        sbin: { admin: '' },
        lib64: { 'ld-linux-x86-64.so.2': '' },
        lib: { 'b.so': '' },
      }),
    ]);
    assert.equal(at('bin/tool'), into('merged', 'bin/tool'));
    assert.equal(at('bin/user'), into('split', 'bin/user'));
    assert.equal(at('bin/admin'), into('split', 'sbin/admin'));
    assert.equal(at('lib/ld-linux-x86-64.so.2'), into('split', 'lib64/ld-linux-x86-64.so.2'));
    assert.equal(at('lib/a.so'), into('merged', 'lib/a.so'));
    assert.deepEqual(collisions, []);
  });

  it('follows links to directories, in the same output and in others, when it merges', () => {
    const { at } = look(
      [
        asked('a', { share: { doc: link('documents'), documents: { a: '' } }, lib: link(`${storePath('b')}/lib`) }),
        asked('c', { share: { doc: { c: '' } }, lib: { c: '' } }),
      ],
      [propagated('b', { lib: { b: '' } })],
    );
    assert.equal(at('share/doc/a'), into('a', 'share/documents/a'));
    assert.equal(at('share/doc/c'), into('c', 'share/doc/c'));
    assert.equal(at('lib/b'), into('b', 'lib/b'));
    assert.equal(at('lib/c'), into('c', 'lib/c'));
  });

  it('keeps a relative link that leads to what another package provides', () => {
    const { at } = look([
      asked('dev', { lib: { 'libz.so': link('libz.so.1'), 'own.so': link('own.so.1'), 'own.so.1': '' } }),
      asked('alone', { share: { x: { stray: link('../../lib/libz.so.1') } } }),
      asked('zlib', { lib: { 'libz.so.1': '' }, etc: { awk: link('/etc/alternatives/awk') } }),
    ]);
    assert.equal(at('lib/libz.so'), '-> libz.so.1');
    assert.equal(at('lib/own.so'), into('dev', 'lib/own.so'));
    assert.equal(at('share/x/stray'), '-> ../../lib/libz.so.1');
    assert.equal(at('etc/awk'), into('zlib', 'etc/awk'));
  });

  it('follows links into other store paths, at the top, deeper, and where an output is a link', () => {
    const linked = new Map([
      [
        storePath('env'),
        treeOf({ bin: link(`${storePath('tool')}/bin`), etc: link(`../${storePath('tool').slice(11)}/etc`) }),
      ],
      [
        storePath('tool'),
        treeOf({ bin: { run: '' }, etc: { tool: { conf: '' } }, share: { deep: { x: link('y'), y: '' } } }),
      ],
    ]);
    const { root, collisions } = rootTree({
      requested: [
        { path: storePath('wrapper'), tree: { target: storePath('env') }, priority: 5 },
        asked('a', { share: { deep: link(`${storePath('tool')}/share/deep`) } }),
        asked('b', { share: { deep: { z: '' } }, etc: { tool: { more: '' } } }),
      ],
      propagated: [],
      linked,
    });
    const targets = ['bin/run', 'etc/tool/conf', 'etc/tool/more', 'share/deep/x', 'share/deep/z'].map((path) => {
      const node = nodeAt(root, path);
      return node?.kind === 'symlink' ? node.target.slice(44) : node?.kind;
    });
    assert.deepEqual(targets, [
      'tool/bin/run',
      'tool/etc/tool/conf',
      'b/etc/tool/more',
      'tool/share/deep/x',
      'b/share/deep/z',
    ]);
    assert.deepEqual(collisions, []);
  });

  it('ends on folders that hold themselves, which stay links', () => {
    const round = {
      usr: link('.'),
      share: { x: { again: link('.'), up: link('../x/again') } },
      etc: { e: link('..') },
    };
    const { at } = look([asked('a', { ...round, bin: { a: '' } }), asked('b', { ...round, bin: { b: '' } })]);
    assert.equal(at('bin/b'), into('b', 'bin/b'));
    assert.equal(at('share/x/again'), '-> .');
    assert.equal(at('share/x/up'), '-> .');
    assert.equal(at('etc/e/etc/e'), '-> ..');
  });

  it('refuses links that make a few folders be millions', () => {
    const folders = Object.fromEntries(
      Array.from({ length: 30 }, (_, level) => [
        `d${level}`,
        { a: link(`../d${level + 1}`), b: link(`../d${level + 1}`), f: '' },
      ]),
    );
    const laughs = { share: { ...folders, d30: { f: '' } } };
    assert.throws(() => look([asked('a', laughs), asked('b', laughs)]), {
      code: 'UNFIT_FOR_IMAGE',
      message: /the root of the image becomes too large/,
    });
  });

  it('refuses links that lead deeper and deeper', () => {
    const linked = new Map(
      Array.from({ length: 6 }, (_, number) => {
        let tree = treeOf({ d: link(`${storePath(`deep-${number + 1}`)}/d`), [`f${number}`]: '' });
        for (let depth = 0; depth < 300; depth++) tree = { entries: [['d', tree]] };
        return [storePath(`deep-${number}`), tree] as const;
      }),
    );
    const both = ['a', 'b'].map((name) => asked(name, { share: { [name]: '', d: link(`${storePath('deep-0')}/d`) } }));
    const own = asked('c', { etc: { d: link(`${storePath('deep-0')}/d`) } });
    assert.throws(() => rootTree({ requested: [...both, own], propagated: [], linked }), { code: 'UNFIT_FOR_IMAGE' });
  });

  it('ends on links that go round', () => {
    const { at } = look([asked('round', { share: { a: link('b'), b: link('a') } })]);
    assert.equal(at('share/a'), '-> b');
  });

  it('makes etc, var, opt and srv real at every depth, with empty directories', () => {
    const { at } = look([
      asked('x', { etc: { x: { conf: '' } }, var: { lib: { x: { state: {} } } }, opt: { x: { bin: { y: '' } } } }),
    ]);
    assert.equal(at('etc/x'), 'directory 755');
    assert.equal(at('etc/x/conf'), into('x', 'etc/x/conf'));
    assert.equal(at('var/lib/x/state'), 'directory 755');
    assert.equal(at('opt/x/bin/y'), into('x', 'opt/x/bin/y'));
    assert.equal(at('usr/opt'), undefined);
  });

  it("leaves out what is Nix's or the system's, and takes what is in usr", () => {
    const { at } = look([
      asked('x', {
        'nix-support': { a: '' },
        nix: { bad: '' },
        proc: { bad: '' },
        tmp: { bad: '' },
        usr: { share: { x: '' }, bin: { u: '' } },
      }),
    ]);
    assert.equal(at('nix-support'), undefined);
    for (const path of ['nix/bad', 'proc/bad', 'tmp/bad']) assert.equal(at(path), undefined);
    assert.equal(at('share'), into('x', 'usr/share'));
    assert.equal(at('bin/u'), into('x', 'usr/bin/u'));
  });

  it('has a shell at /bin/sh where there is one, and leaves one that a package brings', () => {
    assert.equal(look([asked('bash', { bin: { bash: '' } })]).at('bin/sh'), '-> bash');
    assert.equal(look([], [propagated('dash', { bin: { dash: '' } })]).at('bin/sh'), '-> dash');
    const own = look([asked('bash', { bin: { bash: '', sh: link('bash') } })]);
    assert.equal(own.at('bin/sh'), into('bash', 'bin/sh'));
  });

  it('has the CA certificates under both usual names, whichever the package has', () => {
    const nixpkgs = look([asked('cacert', { etc: { ssl: { certs: { 'ca-bundle.crt': '' } } } })]);
    assert.equal(nixpkgs.at('etc/ssl/certs/ca-bundle.crt'), into('cacert', 'etc/ssl/certs/ca-bundle.crt'));
    assert.equal(nixpkgs.at('etc/ssl/certs/ca-certificates.crt'), '-> ca-bundle.crt');
    const debian = look([asked('ca', { etc: { ssl: { certs: { 'ca-certificates.crt': '' } } } })]);
    assert.equal(debian.at('etc/ssl/certs/ca-bundle.crt'), '-> ca-certificates.crt');
  });

  it("does not replace a package's own passwd", () => {
    assert.equal(look([asked('x', { etc: { passwd: '' } })]).at('etc/passwd'), into('x', 'etc/passwd'));
  });

  it('is the same bytes whatever the order of what does not collide, and python reads it', () => {
    const a = asked('a', { bin: { a: '' }, share: { a: '', 'caf\xe9': '' } });
    const b = asked('b', { bin: { b: '' }, share: { b: '' } });
    const archiveOf = (...outputs: Parameters<typeof look>[0]) =>
      Buffer.concat([...rootTar(look(outputs).root)].map((chunk) => Buffer.from(chunk)));
    const tar = archiveOf(a, b);
    assert.ok(tar.equals(archiveOf(b, a)));
    const listed = listArchive(tar);
    const paths = listed.map(({ name }) => name);
    assert.deepEqual(paths.slice(0, 4), ['.', 'bin', 'bin/a', 'bin/b']);
    assert.ok(paths.includes('share/caf\xe9'));
    assert.ok(listed.every(({ uid, gid, mtime }) => uid === 0 && gid === 0 && mtime === 1));
    assert.equal(listed.find(({ name }) => name === 'tmp')?.mode, 0o1777);
    assert.equal(listed.find(({ name }) => name === 'etc/passwd')?.mode, 0o644);
  });

  it('merges 1,500 packages with 200,000 files in steps in proportion to them', () => {
    const others = Array.from({ length: 1_500 }, (_, index) =>
      propagated(`p-${index}`, {
        lib: {
          'x86_64-linux-gnu': Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`lib-${index}-${n}.so`, ''])),
        },
        share: { doc: { [`p-${index}`]: Object.fromEntries(Array.from({ length: 35 }, (_, n) => [`f-${n}`, ''])) } },
      }),
    );
    const { root } = comesToAnEnd(() => rootTree({ requested: [], propagated: others }));
    assert.equal(nodeAt(root, 'share/doc/p-7')?.kind, 'symlink');
  });
});
