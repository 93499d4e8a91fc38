import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rehearse } from '../../../functions/builder/idle/rehearsal.ts';
import { findCompressor } from '../../../functions/layer/compressors/compressors.ts';
import { layerThreads } from '../../../functions/layer/threads/threads.ts';
import { layerPlanner } from '../../../functions/layer/plan/plan.ts';
import { fixturePackages } from '../../support/nix.ts';
import { projectFolder, startRegistry } from '../../support/service/registry-process.ts';

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
  const wanted = new AbortController().signal;

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

  it('packs an image and composes another, and leaves nothing of them', async () => {
    await rehearse(world, wanted);
    const names = packed.filter((name) => name !== 'group');
    assert.ok(packed.length > names.length, 'layers of several paths');
    assert.ok(names.length > 1, 'layers of one path');
    assert.equal(new Set(names).size, names.length, 'no path is packed twice');
    assert.ok(inflated > 0, 'the second image is composed');
    assert.deepEqual(left(), []);
  });

  it('ends when it is no longer wanted, and leaves nothing', async () => {
    const stop = new AbortController();
    const running = rehearse(world, stop.signal);
    await begun();
    stop.abort(new Error('somebody asked'));
    await assert.rejects(running, /somebody asked/);
    assert.deepEqual(left(), []);
    assert.ok(packed.length < 10, 'little of it was packed');
  });

  it('keeps to its bytes where the program is large', async () => {
    const large = join(folder, 'large');
    mkdirSync(large);
    writeFileSync(join(large, 'file'), Buffer.alloc(15_000_000));
    await rehearse({ ...world, folder: large }, wanted);
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
    await rehearse(world, wanted);
    assert.deepEqual(left().sort(), ['nixery-rehearsal-young', 'other-old']);
  });

  it('says what is wrong with the temporary folder', async () => {
    process.env['TMPDIR'] = join(temporary, 'not-there');
    await assert.rejects(rehearse(world, wanted), /ENOENT.*not-there/);
    if (process.getuid?.() !== 0) {
      chmodSync(temporary, 0o500);
      process.env['TMPDIR'] = temporary;
      await assert.rejects(rehearse(world, wanted), /EACCES/);
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
