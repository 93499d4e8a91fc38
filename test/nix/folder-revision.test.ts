import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { folderRevision } from '../../functions/nix/folder-revision.ts';

async function sample(context: TestContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'folder-revision-'));
  context.after(() => rm(parent, { recursive: true }));
  const folder = join(parent, 'set');
  await mkdir(join(folder, 'sub'), { recursive: true });
  await writeFile(join(folder, 'default.nix'), '{ }\n');
  await writeFile(join(folder, 'sub', 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(join(folder, 'sub', 'empty'), '');
  await symlink('sub/run.sh', join(folder, 'link'));
  return folder;
}

describe('the revision of a folder', () => {
  it('is this one, in the shape of a commit', async (context) => {
    // The encoding as it is written down beside FORMAT, spelled out; in byte order of the names.
    const encoded = [
      'nixery-run folder 1\0directory 3\0',
      'default.nix\0file 4\0{ }\n',
      'link\0link sub/run.sh\0',
      'sub\0directory 2\0',
      'empty\0file 0\0',
      'run.sh\0executable 10\0#!/bin/sh\n',
    ].join('');
    const revision = await folderRevision(await sample(context));
    assert.equal(revision, createHash('sha256').update(encoded).digest('hex').slice(0, 40));
    assert.equal(revision, '2e3ecb7adaa7970291b23070bf0a51e482b09fe2');
  });

  it('does not depend on times, owners, other modes, or where the folder lies', async (context) => {
    const folder = await sample(context);
    const before = await folderRevision(folder);
    const copy = `${folder}-copy`;
    await cp(folder, copy, { recursive: true, verbatimSymlinks: true });
    await utimes(join(copy, 'default.nix'), 1, 1);
    await chmod(join(copy, 'default.nix'), 0o600);
    await chmod(join(copy, 'sub', 'run.sh'), 0o700);
    assert.equal(await folderRevision(copy), before);
  });

  const changes: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
    'a content': (folder) => writeFile(join(folder, 'default.nix'), '{ }\t'),
    'a name': (folder) => rename(join(folder, 'default.nix'), join(folder, 'default.nix2')),
    'an executable bit': (folder) => chmod(join(folder, 'default.nix'), 0o755),
    'where a link leads': async (folder) => {
      await unlink(join(folder, 'link'));
      await symlink('sub/empty', join(folder, 'link'));
    },
    'a link that becomes a file': async (folder) => {
      await unlink(join(folder, 'link'));
      await writeFile(join(folder, 'link'), 'sub/run.sh');
    },
    'a new file': (folder) => writeFile(join(folder, 'sub', 'new'), ''),
    'a new empty folder': (folder) => mkdir(join(folder, 'sub', 'new')),
    'a hidden file': (folder) => writeFile(join(folder, '.hidden'), ''),
    'a file that moves one folder up': (folder) => rename(join(folder, 'sub', 'empty'), join(folder, 'empty')),
    'a byte that moves from one file to the next': async (folder) => {
      await writeFile(join(folder, 'default.nix'), '{ }');
      await writeFile(join(folder, 'sub', 'empty'), '\n');
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`changes with ${what}`, async (context) => {
      const folder = await sample(context);
      const before = await folderRevision(folder);
      await change(folder);
      assert.notEqual(await folderRevision(folder), before);
    });
  }

  it('covers files that are longer than one read', async (context) => {
    const folder = await sample(context);
    const content = Buffer.alloc(3_000_000, 'x');
    await writeFile(join(folder, 'long'), content);
    const before = await folderRevision(folder);
    await writeFile(join(folder, 'long'), Buffer.from(content).fill('y', content.length - 1));
    assert.notEqual(await folderRevision(folder), before);
  });

  it('is refused for what is neither file, folder nor link', async (context) => {
    const folder = await sample(context);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await assert.rejects(folderRevision(folder), /pipe is neither a file, a folder nor a link/);
  });

  it('is refused for a folder that is not there', async (context) => {
    await assert.rejects(folderRevision(join(await sample(context), 'none')), { code: 'ENOENT' });
  });

  it('stops when it is aborted', async (context) => {
    const reason = new Error('enough');
    await assert.rejects(folderRevision(await sample(context), { signal: AbortSignal.abort(reason) }), reason);
  });
});
