import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { FindCall } from '../../../functions/builder/package-query.ts';
import { ALWAYS } from '../../../functions/builder/make/make.ts';
import { SHELL } from '../../../functions/builder/image-request.ts';
import type { ReadTrees } from '../../../functions/builder/package-query.ts';
import { admitBy, packagePolicy } from '../../../functions/builder/package-policy.ts';
import {
  type AttributeRecord,
  packageObject,
  type PackageRecord,
  packageRecordSchema,
} from '../../../functions/builder/package-record.ts';
import type { PackageQuery } from '../../../functions/builder/package-query.ts';
import { type PackageFinder, packageFinder } from '../../../functions/builder/packages/packages.ts';
import { folderSource } from '../../../functions/nix/folder-source.ts';
import { realise } from '../../../functions/nix/realise/realise.ts';
import { resolve } from '../../../functions/nix/resolve/resolve.ts';
import type { ClosurePath, StorePath } from '../../../functions/nix/store-path.ts';
import { LATEST, type PackageSource } from '../../../functions/nix/source.ts';
import { memoryStore } from '../../../functions/storage/memory.ts';
import { findRecord, overwriteRecord } from '../../../functions/storage/record.ts';
import { temporaryFolder } from '../../layer/fixture.ts';
import { nix } from '../../support/nix.ts';
import { startRegistry } from '../../support/service/registry-process.ts';

const folders = temporaryFolder();

describe('packages', () => {
  let store: ReturnType<typeof memoryStore>;
  let source: PackageSource;
  let query: PackageQuery;
  let packages: PackageFinder;

  /** Two packages, of which nothing is on this machine; the second refers to the first. */
  beforeEach(async () => {
    const mark = randomBytes(8).toString('hex');
    const folder = join(folders, mark);
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'default.nix'),
      `{ system, ... }: rec {
         package = name: script: derivation {
           name = "\${name}-${mark}"; inherit system; builder = "/bin/sh"; args = [ "-ec" script ];
         };
         library = package "library" "echo text > $out";
         program = package "program" "echo \${library} > $out";
         refused = (package "refused" "exit 1") // { meta.unfree = true; drvPath = throw "refused"; };
       }`,
    );
    packages = startWith(memoryStore());
    source = await folderSource(folder);
    const pin = await source.pin(LATEST);
    assert.ok(pin.kind === 'pinned');
    query = { source, revision: pin.revision, system: 'x86_64-linux', attributes: ['library'], always: [] };
  });

  /** As a new process over a store. */
  function startWith(other: typeof store, own = nix): PackageFinder {
    store = other;
    return packageFinder({ store, nix: own, expressions: 'of this test' });
  }

  async function allRecorded(): Promise<AttributeRecord[]> {
    const records: AttributeRecord[] = [];
    for await (const { key } of store.list('packages')) {
      const found = await findRecord(store, key, packageRecordSchema);
      if (found.kind === 'found') records.push(found.value);
    }
    return records;
  }
  const recorded = async (): Promise<PackageRecord[]> => (await allRecorded()).filter((one) => one.kind === 'package');

  /** Finds, and says whether Nix was asked, and what it was told when the closure was known. */
  async function find(attributes: readonly string[]) {
    const told: { closure: readonly ClosurePath[]; trees: ReadonlyMap<StorePath, unknown> }[] = [];
    let isAsked = false;
    const call: FindCall = {
      whenAsked() {
        isAsked = true;
      },
      whenClosure(closure, trees: ReadTrees) {
        told.push({ closure, trees: new Map(trees) });
        return Promise.resolve();
      },
    };
    const found = await packages.find({ ...query, attributes }, call);
    assert.ok(found.kind === 'packages');
    return { isAsked, told, records: found.packages.map(({ record }) => record) };
  }

  const outputOf = ([record]: readonly PackageRecord[]): StorePath => record?.outputs[0] ?? assert.fail('no record');

  it('are not found before anybody asks where they would have to be built', async () => {
    await packages.findBuilt(query, {});
    assert.deepEqual(await recorded(), []);
    const { records } = await find(['library']);
    assert.ok(existsSync(outputOf(records)));
  });

  for (const name of ['refused', 'unknown']) {
    it(`are neither asked about nor built beside one that is known to be ${name}`, async () => {
      const unavailable = { kind: 'packages-unavailable', attribute: name };
      const ask = async (...attributes: string[]) => {
        let isAsked = false;
        const whenAsked = (): void => {
          isAsked = true;
        };
        const found = await packages.find({ ...query, attributes }, { whenAsked });
        assert.ok(found.kind === 'packages-unavailable');
        const [one] = [...found.unknown, ...found.refused];
        assert.deepEqual({ kind: found.kind, attribute: one?.attribute }, unavailable);
        return isAsked;
      };
      assert.equal(await ask(name), true);
      assert.deepEqual([await ask(name, 'library'), await ask('program', name)], [false, false]);
      packages = startWith(store);
      assert.equal(await ask('library', name), false);
      // Also one that every image holds where it is, once somebody asks for it.
      packages = startWith(memoryStore());
      query = { ...query, always: [name] };
      assert.equal(await ask(name, 'library'), true);
      query = { ...query, always: [] };
      assert.deepEqual(await recorded(), []);
      const { records } = await find(['library']);
      assert.ok(existsSync(outputOf(records)));
    });
  }

  it('are found before anybody asks when they are on this machine, and Nix is not asked again', async () => {
    const { records } = await find(['library']);
    packages = startWith(memoryStore());
    await packages.findBuilt(query, {});
    assert.deepEqual(await recorded(), records);
    const again = await find(['library']);
    assert.deepEqual([again.isAsked, again.records], [false, records]);
  });

  it('are not found for anybody when nobody may have them', async () => {
    await find(['library']);
    const denying = packagePolicy({ allow: undefined, deny: ['library'] });
    packages = startWith(memoryStore(), { ...nix, admit: admitBy(denying, []) });
    await packages.findBuilt(query, {});
    assert.deepEqual(
      (await allRecorded()).map(({ kind }) => kind),
      ['named'],
    );
  });

  it('are planned together with those that are recorded', async () => {
    const library = outputOf((await find(['library'])).records);
    packages = startWith(store);
    const { told, records } = await find(['library', 'program']);
    assert.deepEqual(
      told.map(({ closure, trees }) => [closure.map(({ path }) => path), trees.size]),
      [[[library, outputOf(records.slice(1))].sort(), 0]],
    );
  });

  it('are read once by one process', async () => {
    const library = outputOf((await find(['library'])).records);
    const { told } = await find(['program']);
    assert.deepEqual(
      told.map(({ trees }) => [...trees]),
      [[[library, { size: 5 }]]],
    );
  });

  it('have the content that is recorded, and the tree of this machine', async () => {
    const { records } = await find(['library']);
    const library = outputOf(records);
    const [key] = packages.keysOf(query);
    assert.ok(key !== undefined);
    const object = packageObject(key);
    // As another machine built it.
    const other: PackageRecord = {
      ...(records[0] as PackageRecord),
      closure: [{ path: library, narHash: 'sha256-other', narSizeBytes: 200, references: [] }],
      trees: { [library]: { size: 70 } },
    };
    assert.ok(await overwriteRecord(store, object, other, await findRecord(store, object, packageRecordSchema)));
    const inClosure = (closure: readonly ClosurePath[] | undefined) =>
      closure?.find(({ path }) => path === library)?.narHash;
    // Whatever the order in which they are asked for.
    const found = await find(['program', 'library']);
    assert.deepEqual(
      found.told.map(({ closure, trees }) => [inClosure(closure), [...trees]]),
      [['sha256-other', [[library, { size: 5 }]]]],
    );
    assert.deepEqual(
      found.records.map(({ closure }) => inClosure(closure)),
      ['sha256-other', 'sha256-other'],
    );
    assert.ok((await recorded()).some((record) => isDeepStrictEqual(record, other)));
  });
});

describe('a server', () => {
  it('finds out what a shell is before anybody asks, and makes nothing of it', { timeout: 300_000 }, async () => {
    const folder = join(folders, 'shell');
    mkdirSync(folder);
    const mark = randomBytes(8).toString('hex');
    const names = [...SHELL, ...ALWAYS];
    writeFileSync(
      join(folder, 'default.nix'),
      `{ system, ... }: builtins.listToAttrs (map (name: {
         inherit name;
         value = derivation {
           name = "\${name}-${mark}"; inherit system; builder = "/bin/sh"; args = [ "-ec" "echo text > $out" ];
         };
       }) [ ${names.map((name) => JSON.stringify(name)).join(' ')} ])`,
    );
    const request = { source: { kind: 'folder', path: folder }, system: 'x86_64-linux', attributes: names } as const;
    const found = (await resolve(nix, request)).filter((one) => one.kind === 'found');
    await realise(
      nix,
      found.flatMap(({ outputs }) => outputs),
    );
    const [on, off] = [join(folders, 'store-on'), join(folders, 'store-off')];
    const env = { NIXERY_PKGS_PATH: folder };
    await using other = await startRegistry({ ...env, STORAGE_PATH: off, NIXERY_EVAL_AHEAD: 'off' });
    await using registry = await startRegistry({ ...env, STORAGE_PATH: on });
    const packagesIn = (store: string) => readdirSync(join(store, 'packages')).length;
    // What is loaded late begins with the first answer.
    for (const { origin } of [other, registry]) assert.equal((await fetch(`${origin}/v2/`)).status, 200);
    while (packagesIn(on) < names.length) await sleep(20);
    assert.equal(packagesIn(off), 0);
    for (const area of ['layers', 'contents', 'images']) assert.deepEqual(readdirSync(join(on, area)), []);
    assert.deepEqual([await registry.stop(), await other.stop()], [0, 0]);
    for (const { log } of [registry, other]) {
      assert.deepEqual(
        log.filter(({ severity, message }) => severity === 'ERROR' || /beforehand|no evaluation/.test(String(message))),
        [],
      );
    }
  });
});
