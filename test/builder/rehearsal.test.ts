import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageMaker } from '../../functions/builder/image-maker.ts';
import { rehearsal } from '../../functions/builder/rehearsal.ts';
import { findCompressor } from '../../functions/layer/find-compressor.ts';
import { layerThreads } from '../../functions/layer/layer-threads.ts';
import { layerPlanner } from '../../functions/layer/plan.ts';
import { projectFolder } from '../support/registry-process.ts';

describe('a rehearsal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const [content, temporary] = [join(folder, 'content'), join(folder, 'temporary')];
  const before = process.env['TMPDIR'];
  const shared = layerThreads('igzip', 2);
  const packed: string[] = [];
  const threads: typeof shared = {
    ...shared,
    async pack(path, options) {
      const packing = await shared.pack(path, options);
      packed.push(path.name);
      return packing;
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
    packed.length = 0;
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
