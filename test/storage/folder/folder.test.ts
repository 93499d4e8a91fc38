import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawnSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, unlinkSync } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, describe, it } from 'node:test';
import { publishBlob } from '../../../functions/storage/publish-blob.ts';
import { type BlobStore, type StoreNotice, StorageError } from '../../../functions/storage/blob-store.ts';
import { folderStore } from '../../../functions/storage/folder/store.ts';
import { withFolderLock } from '../../../functions/storage/folder/lock.ts';
import { FolderUnusableError, prepareFolder } from '../../../functions/storage/folder/prepare.ts';
import { objectKey } from '../../../functions/storage/object-key.ts';
import { blobStoreConformance, publish } from '../conformance.ts';

const BLOB = objectKey('layers', 'c'.repeat(64));
const CHILD = join(import.meta.dirname, 'child.ts');
const isRoot = process.getuid?.() === 0;
/** Root of a container mostly may not. */
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;
const NOBODY = 65534;

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'folder-store-'));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function preparedFolder(context: TestContext): Promise<string> {
  const folder = await temporaryFolder(context);
  await prepareFolder(folder);
  return folder;
}

const pathOf = (store: BlobStore): string => store.name.slice('folder '.length);
const stagedIn = (folder: string): Promise<string[]> => readdir(join(folder, 'uploads'));

blobStoreConformance('a store in a folder', async (context) => folderStore(await preparedFolder(context)), {
  countStaged: async (store) => (await stagedIn(pathOf(store))).length,
  openAnother: (store) => Promise.resolve(folderStore(pathOf(store))),
});

type Child = ChildProcessByStdio<Writable, Readable, null>;

function startChild(context: TestContext, role: string, folder: string, name = '', uid?: number): Child {
  const child = spawn(process.execPath, [CHILD, role, folder, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  context.after(() => child.kill('SIGKILL'));
  return child;
}

async function kill(child: Child): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Runs `use` in a file system of its own. */
async function withMount(context: TestContext, options: string, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder(context);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  try {
    await use(folder);
  } finally {
    execFileSync('umount', [folder]);
  }
}

describe('a store in a folder', () => {
  it('keeps each object in a file of its area and name', async (context) => {
    const folder = await preparedFolder(context);
    const store = folderStore(folder);
    await publish(store, BLOB, 'blob');
    await store.createRecord(objectKey('tags', 'shell'), Buffer.from('{}'));
    assert.equal(await readFile(join(folder, 'layers', 'c'.repeat(64)), 'utf8'), 'blob');
    assert.equal(await readFile(join(folder, 'tags', 'shell'), 'utf8'), '{}');
  });

  it('lists nothing that it did not make', async (context) => {
    const folder = await preparedFolder(context);
    for (const foreign of ['.hidden', 'with space', 'x~']) await writeFile(join(folder, 'layers', foreign), 'x');
    const store = folderStore(folder);
    await publish(store, BLOB, 'blob');
    const keys: string[] = [];
    for await (const { key } of store.list('layers')) keys.push(key);
    assert.deepEqual(keys, [BLOB]);
  });

  it('names itself, the key and the cause when the folder is gone', async (context) => {
    const folder = await temporaryFolder(context);
    const store = folderStore(join(folder, 'gone'));
    await assert.rejects(store.stage(), (error) => {
      assert.ok(error instanceof StorageError);
      assert.match(error.message, /^folder .*\/gone: cannot stage uploads\/.*ENOENT/);
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
      return true;
    });
  });

  it('fails a read whose file is cut meanwhile, instead of ending it early', async (context) => {
    const folder = await preparedFolder(context);
    const store = folderStore(folder);
    await publish(store, BLOB, [Buffer.alloc(4_000_000)]);
    const found = await store.read(BLOB);
    assert.ok(found);
    await truncate(join(folder, BLOB), 1_000_000);
    await assert.rejects(text(found.stream), StorageError);
  });

  it('says why a blob failed, also when what was staged cannot be removed, and of that the log hears', async (context) => {
    const folder = await preparedFolder(context);
    const heard: StoreNotice[] = [];
    const store = folderStore(folder, { notice: (notice) => heard.push(notice) });
    async function* failing(): AsyncGenerator<Buffer, void, void> {
      yield Buffer.from('content');
      for (const name of await stagedIn(folder)) {
        await rm(join(folder, 'uploads', name));
        await mkdir(join(folder, 'uploads', name, 'in-the-way'), { recursive: true });
      }
      throw new Error('the source is gone');
    }
    await assert.rejects(publishBlob(store, failing()), /the source is gone/);
    assert.deepEqual(
      heard.map(({ kind }) => kind),
      ['staging-left'],
    );
    assert.match(heard[0]?.reason ?? '', /cannot discard uploads\//);
  });

  it(
    'leaves nothing on a full disk, and works again when there is space',
    { skip: !canMount && 'mounting needs root with CAP_SYS_ADMIN' },
    async (context) => {
      await withMount(context, 'size=1m', async (folder) => {
        await prepareFolder(folder);
        const store = folderStore(folder);
        await publish(store, BLOB, [Buffer.alloc(500_000)]);
        const key = objectKey('layers', 'd'.repeat(64));
        await assert.rejects(publish(store, key, [Buffer.alloc(300_000), Buffer.alloc(800_000)]), (error) => {
          assert.ok(error instanceof StorageError);
          assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOSPC');
          assert.equal(error.trouble, 'full');
          return true;
        });
        await store.tryWriting?.();
        await assert.rejects(store.createRecord(objectKey('pins', 'p'), Buffer.alloc(800_000)), StorageError);
        assert.equal(await store.stat(key), undefined);
        assert.equal(await store.readRecord(objectKey('pins', 'p')), undefined);
        await eventually(async () => (await stagedIn(folder)).length === 0);

        const filling = join(folder, 'filling');
        await writeFile(filling, Buffer.alloc(2_000_000)).catch((error: unknown) => {
          assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
        });
        assert.equal(await store.delete(BLOB), true, 'deleting works on a full disk');
        assert.equal(await publish(store, key, [Buffer.alloc(400_000)]), 'created');
      });
    },
  );
});

describe('processes that share a folder', () => {
  it('create every record once', async (context) => {
    const folder = await preparedFolder(context);
    const children = ['one', 'two', 'three'].map((name) => startChild(context, 'create-all', folder, name));
    await Promise.all(children.map((child) => once(child, 'spawn')));
    for (const child of children) child.stdin.write('go\n');
    const won = await Promise.all(
      children.map(async (child) => (await text(child.stdout)).split('\n').filter(Boolean)),
    );
    const all = won.flat();
    assert.equal(all.length, 40);
    assert.equal(new Set(all).size, 40);
    const store = folderStore(folder);
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      for (const record of won[index] ?? []) {
        assert.equal((await store.readRecord(objectKey('pins', record)))?.bytes.toString(), name);
      }
    }
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('lose no change of a record', async (context) => {
    const folder = await preparedFolder(context);
    const store = folderStore(folder);
    const key = objectKey('pins', 'counter');
    await store.createRecord(key, Buffer.from('0'));
    const children = [1, 2, 3].map(() => startChild(context, 'increment', folder, 'counter'));
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
    assert.deepEqual(codes, [0, 0, 0]);
    assert.equal((await store.readRecord(key))?.bytes.toString(), '75');
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('see nothing of a writer that is killed', async (context) => {
    const folder = await preparedFolder(context);
    const store = folderStore(folder);
    const child = startChild(context, 'stage-half', folder);
    await once(child.stdout, 'data');
    await kill(child);
    const [left, ...more] = await stagedIn(folder);
    assert.ok(left && more.length === 0);
    for await (const { key } of store.list('layers')) assert.fail(`${key} is readable`);
    assert.equal(await publish(store, BLOB, 'whole'), 'created');

    await prepareFolder(folder);
    assert.deepEqual(await stagedIn(folder), [left], 'it may be in use until a day has passed');
    const longAgo = Date.now() / 1000 - 25 * 60 * 60;
    await utimes(join(folder, 'uploads', left), longAgo, longAgo);
    await prepareFolder(folder);
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('take over the lock of one that is killed, once, after a while', { timeout: 60_000 }, async (context) => {
    const folder = await preparedFolder(context);
    const staleLockMs = 300;
    const key = objectKey('pins', 'p');
    const store = folderStore(folder, { staleLockMs });
    await store.createRecord(key, Buffer.from('old'));
    const generation = (await store.readRecord(key))?.generation ?? '';
    const child = startChild(context, 'hold-lock', folder, 'pins.p');
    await once(child.stdout, 'data');
    await kill(child);

    const startedMs = performance.now();
    const replacers = Array.from({ length: 8 }, (_, index) =>
      folderStore(folder, { staleLockMs }).replaceRecord(key, Buffer.from(`new ${index}`), generation),
    );
    const won = await Promise.all(replacers);
    const tookMs = performance.now() - startedMs;
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal((await store.readRecord(key))?.bytes.toString(), `new ${won.indexOf(true)}`);
    assert.ok(tookMs >= staleLockMs, `taken over after ${tookMs} ms`);
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('take over the lock of one that was killed while it took over another', { timeout: 60_000 }, async (context) => {
    const folder = await preparedFolder(context);
    const key = objectKey('pins', 'p');
    const store = folderStore(folder, { staleLockMs: 100 });
    await store.createRecord(key, Buffer.from('old'));
    await symlink('killed', join(folder, 'uploads', 'pins.p.lock'));
    await symlink('killed', join(folder, 'uploads', 'pins.p.lock.killed'));
    assert.equal(await store.delete(key), true);
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('begin anew when they were stopped for so long that another took their lock over', async (context) => {
    const folder = await preparedFolder(context);
    const path = join(folder, 'uploads', 'pins.p.lock');
    let times = 0;
    const given = await withFolderLock(path, async (lock) => {
      times++;
      if (times === 1) {
        await unlink(path);
        await symlink('another', path);
        setTimeout(() => {
          unlinkSync(path);
        }, 50);
      }
      lock.checkHeld();
      return `at time ${times}`;
    });
    assert.equal(given, 'at time 2');
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('wait for the lock of one that lives until they are aborted', async (context) => {
    const folder = await preparedFolder(context);
    const key = objectKey('pins', 'p');
    const store = folderStore(folder);
    await store.createRecord(key, Buffer.from('kept'));
    await symlink('somebody', join(folder, 'uploads', 'pins.p.lock'));
    const abort = new AbortController();
    const reason = new Error('enough');
    const deleting = store.delete(key, { signal: abort.signal });
    setTimeout(() => {
      abort.abort(reason);
    }, 200);
    await assert.rejects(deleting, reason);
    assert.equal((await store.readRecord(key))?.bytes.toString(), 'kept');
    assert.deepEqual(await stagedIn(folder), ['pins.p.lock']);
  });
});

describe('preparing a folder', () => {
  async function refusal(preparing: Promise<void>, path: string): Promise<FolderUnusableError> {
    const error = await preparing.then(
      () => assert.fail('the folder was accepted'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof FolderUnusableError, String(error));
    assert.equal(error.path, path);
    assert.ok(error.message.includes(path) && error.message.includes(error.remedy) && error.cause instanceof Error);
    return error;
  }

  it('creates it with its parents, and can be done again', async (context) => {
    const folder = join(await temporaryFolder(context), 'a', 'b');
    await prepareFolder(folder);
    await prepareFolder(folder);
    assert.equal(await publish(folderStore(folder), BLOB, 'x'), 'created');
    assert.deepEqual(await readdir(join(folder, 'layers')), ['c'.repeat(64)], 'the probes are gone');
    assert.deepEqual(await stagedIn(folder), []);
  });

  it('refuses a file', async (context) => {
    const file = join(await temporaryFolder(context), 'file');
    await writeFile(file, 'x');
    assert.match((await refusal(prepareFolder(file), file)).message, /not a folder/);
    const below = join(file, 'below');
    assert.match((await refusal(prepareFolder(below), below)).message, /not a folder/);
  });

  it('refuses a folder whose parent cannot be made', { skip: process.platform !== 'linux' }, async () => {
    const folder = '/proc/none/store';
    assert.match((await refusal(prepareFolder(folder), folder)).message, /missing and cannot be made.*Create/);
  });

  it('refuses a folder behind a link that leads nowhere', async (context) => {
    const link = join(await temporaryFolder(context), 'link');
    await symlink('nowhere', link);
    for (const folder of [link, join(link, 'store')]) {
      assert.match((await refusal(prepareFolder(folder), folder)).message, /missing and cannot be made/);
    }
  });

  it('refuses a folder that this user may not write to', async (context) => {
    const folder = await temporaryFolder(context);
    await chmod(folder, 0o555);
    if (isRoot) {
      const said = await text(startChild(context, 'prepare', folder, '', NOBODY).stdout);
      assert.match(said, /^FolderUnusableError: .* this user may not write there\. Give user 65534 write permission/);
    } else {
      assert.match((await refusal(prepareFolder(folder), folder)).message, /this user may not write there/);
      await chmod(folder, 0o755);
    }
  });

  it(
    'refuses a file system that is mounted read-only',
    { skip: !canMount && 'mounting needs root with CAP_SYS_ADMIN' },
    async (context) => {
      await withMount(context, 'ro', async (folder) => {
        assert.match((await refusal(prepareFolder(folder), folder)).message, /mounted read-only/);
      });
    },
  );

  it('refuses a full disk', { skip: !canMount && 'mounting needs root with CAP_SYS_ADMIN' }, async (context) => {
    await withMount(context, 'size=64k', async (folder) => {
      await writeFile(join(folder, 'filling'), Buffer.alloc(64 * 1024));
      assert.match((await refusal(prepareFolder(folder), folder)).message, /disk is full/);
      assert.ok(existsSync(folder));
    });
  });
});

/** Waits until `check` holds, for two seconds at most. */
async function eventually(check: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 60_000;
  while (!(await check())) assert.ok(performance.now() < untilMs, 'it did not come true');
}
