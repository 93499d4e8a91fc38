import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageMaker } from '../../functions/builder/image-maker.ts';
import { rehearsal } from '../../functions/builder/rehearsal.ts';
import { findCompressor } from '../../functions/layer/find-compressor.ts';
import { layerThreads } from '../../functions/layer/layer-threads.ts';
import { layerPlanner } from '../../functions/layer/plan.ts';
import { fixturePackages } from '../support/nix.ts';
import { projectFolder, startRegistry } from '../support/registry-process.ts';

describe('a rehearsal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const [content, temporary] = [join(folder, 'content'), join(folder, 'temporary')];
  const before = process.env['TMPDIR'];
  const shared = layerThreads('igzip', 2);
  const packed: string[] = [];
  let inflated = 0;
  const threads: typeof shared = {
    ...shared,
    async pack(path, options) {
      const packing = await shared.pack(path, options);
      packed.push(path.name);
      return packing;
    },
    async inflate(options) {
      inflated++;
      return shared.inflate(options);
    },
    async packGroup(options) {
      const packing = await shared.packGroup(options);
      packed.push('group');
      return packing;
    },
  };
  const world = { compressor: findCompressor('igzip'), threads, planner: layerPlanner(), folder: content };
  const left = () => readdirSync(temporary);

  cpSync(join(projectFolder, 'functions', 'layer'), content, { recursive: true });
  beforeEach(() => {
    packed.length = inflated = 0;
    mkdirSync(temporary);
    process.env['TMPDIR'] = temporary;
  });
  afterEach(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(temporary, { recursive: true });
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  /** Resolves when some of it is being packed. */
  async function begun(): Promise<void> {
    while (packed.length === 0) await sleep(1);
  }

  it('packs an image, once, and leaves nothing of it', async () => {
    const rehearsed = rehearsal(world);
    await Promise.all([rehearsed.run(), rehearsed.run()]);
    const names = packed.filter((name) => name !== 'group');
    assert.ok(packed.length > names.length, 'layers of several paths');
    assert.ok(names.length > 1, 'layers of one path');
    assert.equal(new Set(names).size, names.length, 'no path is packed twice');
    assert.ok(inflated > 0, 'the second image is composed');
    assert.deepEqual(left(), []);
    await rehearsed.end();
  });

  it('ends when somebody asks for an image, without a word', async () => {
    const rehearsed = rehearsal(world);
    const asked: unknown[] = [];
    const maker: ImageMaker = {
      keyOf: () => 'the key',
      make(...asking) {
        asked.push(asking);
        return Promise.resolve({ kind: 'denied', message: 'by this test' });
      },
    };
    const same = rehearsed.endedBy(maker);
    const running = rehearsed.run();
    await begun();
    const [order, call] = [{}, {}] as Parameters<ImageMaker['make']>;
    assert.equal(same.keyOf(order), 'the key');
    assert.deepEqual(await same.make(order, call), { kind: 'denied', message: 'by this test' });
    assert.deepEqual(asked, [[order, call]]);
    await running;
    assert.deepEqual(left(), []);
    assert.ok(packed.length < 10, 'little of it was packed');
  });

  it('does not begin after somebody has asked for an image', async () => {
    const rehearsed = rehearsal(world);
    const maker = rehearsed.endedBy({
      keyOf: () => '',
      make: () => Promise.resolve({ kind: 'denied', message: 'by this test' }),
    });
    await maker.make(...([{}, {}] as Parameters<ImageMaker['make']>));
    await rehearsed.run();
    assert.deepEqual(packed, []);
  });

  it('is over when it has ended', async () => {
    const rehearsed = rehearsal(world);
    const running = rehearsed.run();
    await begun();
    await rehearsed.end();
    assert.deepEqual(left(), []);
    await running;
  });

  it('keeps to its bytes where the program is large', async () => {
    const large = join(folder, 'large');
    mkdirSync(large);
    writeFileSync(join(large, 'file'), Buffer.alloc(15_000_000));
    await rehearsal({ ...world, folder: large }).run();
    assert.ok(packed.length > 0 && packed.length <= 2, `${packed.length} packed`);
  });

  it('removes what killed processes left, and nothing that may be in use', async () => {
    const [old, young, other] = ['nixery-rehearsal-old', 'nixery-rehearsal-young', 'other-old'].map((name) =>
      join(temporary, name),
    ) as [string, string, string];
    for (const path of [old, young, other]) {
      mkdirSync(join(path, 'layers'), { recursive: true });
      writeFileSync(join(path, 'layers', 'blob'), 'left');
    }
    const hourAgo = Date.now() / 1000 - 3600;
    for (const path of [old, other]) utimesSync(path, hourAgo, hourAgo);
    await rehearsal(world).run();
    assert.deepEqual(left().sort(), ['nixery-rehearsal-young', 'other-old']);
  });

  it('says what is wrong with the temporary folder', async () => {
    process.env['TMPDIR'] = join(temporary, 'not-there');
    const rehearsed = rehearsal(world);
    await assert.rejects(rehearsed.run(), /ENOENT.*not-there/);
    // That is told once: the process stops in good order.
    await rehearsed.end();
    if (process.getuid?.() !== 0) {
      chmodSync(temporary, 0o500);
      process.env['TMPDIR'] = temporary;
      await assert.rejects(rehearsal(world).run(), /EACCES/);
    }
  });
});

describe('a server', () => {
  it(
    'rehearses when it has started, and leaves nothing of that, nor when it is stopped meanwhile',
    { timeout: 60_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'rehearsing-'));
      try {
        const temporary = join(folder, 'temporary');
        mkdirSync(temporary);
        const env = {
          STORAGE_PATH: join(folder, 'store'),
          NIXERY_PKGS_PATH: fixturePackages,
          NIXERY_EVAL_AHEAD: 'off',
          TMPDIR: temporary,
        };
        const left = (): string[] => readdirSync(temporary);
        const waitFor = async (isSo: () => boolean): Promise<void> => {
          while (!isSo()) await sleep(5);
        };
        for (const isStopped of [false, true]) {
          await using registry = await startRegistry(env);
          // What is loaded late begins with the first answer.
          assert.equal((await fetch(`${registry.origin}/v2/`)).status, 200);
          await waitFor(() => left().some((name) => name.startsWith('nixery-rehearsal-')));
          if (!isStopped) await waitFor(() => left().length === 0);
          assert.equal(await registry.stop(), 0);
          assert.deepEqual(left(), []);
          assert.deepEqual(
            registry.log.filter(({ severity }) => severity === 'ERROR'),
            [],
          );
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
