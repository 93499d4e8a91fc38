import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultCommand, programsIn } from '../../../functions/builder/make/default-command.ts';
import { rootTree } from '../../../functions/layer/root/root.ts';
import { type Files, link, storePath, treeOf } from '../../layer/fixture.ts';

const wanted = (name: string, files: Files, mainProgram?: string) => {
  const tree = treeOf(files);
  return { name, mainProgram, tree, programs: () => programsIn([storePath(name)], { [storePath(name)]: tree }) };
};

function command(packages: ReturnType<typeof wanted>[], others: Files = {}): readonly string[] | undefined {
  const { root } = rootTree({
    requested: packages.map(({ name, tree }) => ({ path: storePath(name), tree, priority: 5 })),
    propagated: [{ path: storePath('propagated'), tree: treeOf(others) }],
  });
  return defaultCommand(packages, root);
}

describe('the default command', () => {
  const bash = wanted('bash', { bin: { bash: '', sh: '' } });
  const htop = wanted('htop', { bin: { htop: '' } });
  const cases: [title: string, actual: readonly string[] | undefined, expected: readonly string[] | undefined][] = [
    ['is bash where it was asked for', command([htop, bash]), ['bash']],
    ['is the main program of the only package', command([wanted('ripgrep', { bin: { rg: '', x: '' } }, 'rg')]), ['rg']],
    ['is the program with its name', command([wanted('git', { bin: { git: '', scalar: '' } })]), ['git']],
    ['is in sbin, too', command([wanted('nginx', { sbin: { nginx: '' } })]), ['nginx']],
    ['is its only program', command([wanted('coreutils-9', { bin: { coreutils: '' } })]), ['coreutils']],
    ['is not a main program that is missing', command([wanted('a', { bin: { b: '', c: '' } }, 'gone')]), undefined],
    ['is no bash that came along with the only package', command([htop], { bin: { bash: '' } }), ['htop']],
    ['is a bash that came along with several', command([htop, wanted('a', {})], { bin: { bash: '' } }), ['bash']],
    ['is its only program as it is spelt', command([wanted('a', { bin: { 'caf\xc3\xa9': '' } })]), ['caf\u00e9']],
    ['is no program whose name no config can hold', command([wanted('a', { bin: { 'caf\xe9': '' } })]), undefined],
    ['is nothing for several without a shell', command([htop, wanted('git', { bin: { git: '' } })]), undefined],
  ];
  for (const [title, actual, expected] of cases) {
    it(title, () => {
      assert.deepEqual(actual, expected);
    });
  }

  it('is found where the output, or its folder of programs, is a link into another store path', () => {
    const [wrapper, env, tool] = [storePath('wrapper'), storePath('env'), storePath('tool')];
    const trees = {
      [wrapper]: { target: env },
      [env]: treeOf({ bin: link(`${tool}/bin`) }),
      [tool]: treeOf({ bin: { run: '' } }),
    };
    assert.deepEqual(programsIn([wrapper], trees), ['run']);
  });
});
