import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageBuilder } from '../../functions/builder/image-builder.ts';
import { imageObject, imageRecord } from '../../functions/builder/image.ts';
import type { ImageMaker, MadeImage } from '../../functions/builder/make/make.ts';
import { leases } from '../../functions/storage/leases.ts';
import type { PackagesUnavailable } from '../../functions/builder/outcome.ts';
import { PackageDeniedError, type PackagePolicy, packagePolicy } from '../../functions/builder/package-policy.ts';
import { packageObject, packageRecord } from '../../functions/builder/package-record.ts';
import { BuildFailedError } from '../../functions/nix/realise/realise.ts';
import type { PackageSource } from '../../functions/nix/source.ts';
import type { StorePath } from '../../functions/nix/store-path.ts';
import { digestOfBytes, hexOf } from '../../functions/oci/digest.ts';
import { knownBlobs } from '../../functions/storage/known-blobs.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { keyHash } from '../../functions/storage/record.ts';
import { recordBytes } from '../../functions/storage/record-proof.ts';

const revision = 'a'.repeat(40);
const source: PackageSource = {
  description: 'fake',
  identity: { kind: 'fake' },
  isLocal: true,
  isFixed: true,
  pin: (reference) =>
    Promise.resolve(
      reference === 'latest' ? { kind: 'pinned', revision } : { kind: 'unknown', message: `no ${reference}` },
    ),
  at: () => ({ kind: 'folder', path: '/' }),
  references: () => Promise.resolve([]),
  confirm: () => Promise.resolve(),
};
const request = (...attributes: string[]) => ({ attributes, system: 'x86_64-linux' as const });
const PATH = `/nix/store/${'a'.repeat(32)}-nmap-7.0` as StorePath;
const quiet = { info: () => undefined, warn: () => undefined };

/** An instance with a maker that takes its time, over a store that others may share. */
function instance({
  store = memoryStore(),
  makeMs = 50,
  maxBuilds = 2,
  maxQueue = 64,
  timeoutMs = 10_000,
  fault = undefined as (() => Error | PackagesUnavailable) | undefined,
  policy = undefined as PackagePolicy | undefined,
  says = true,
  evaluated = 0,
} = {}) {
  const made: string[] = [];
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (...said: readonly unknown[]) => void warnings.push(String(said[1])) };
  const maker: ImageMaker = {
    check: () => Promise.resolve(undefined),
    keyOf: (order) => keyHash({ attributes: order.request.attributes }),
    async make(order, { signal }): Promise<MadeImage | PackagesUnavailable> {
      made.push(order.request.attributes.join('/'));
      await sleep(makeMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
      const failure = fault?.();
      if (failure instanceof Error) throw failure;
      if (failure !== undefined) return failure;
      const blobs = [1, 2, 3].map((size) => ({ size, digest: digestOfBytes('layer') }));
      const manifest = JSON.stringify({ config: blobs[0], layers: blobs.slice(1), ...order.request });
      const key = maker.keyOf(order);
      const record = imageRecord({
        key,
        revision,
        digest: digestOfBytes(manifest),
        manifest,
        blobs: [digestOfBytes('layer')],
        ...order.request,
        attributes: [...order.request.attributes],
        ...(says && { asked: order.request.attributes.map((one) => ({ attributePath: one, packageName: one })) }),
        packages: order.request.attributes.map((one) => keyHash({ package: one })),
        contents: [],
        joins: [],
      });
      for (const object of [imageObject(key), imageObject(hexOf(record.digest))])
        await store.createRecord(object, recordBytes(object, record));
      return { kind: 'made', record, statistics: { evaluated } as MadeImage['statistics'] };
    },
  };
  const limits = { timeoutMs, maxBuilds, maxQueue, pinForMs: 1000 };
  const held = leases({ store, log: quiet, leaseMs: 300, renewMs: 50 });
  const builder = imageBuilder({
    ...{ store, known: knownBlobs(store), source, maker, log, limits, leases: held, policy },
  });
  return { builder, made, store, warnings };
}

describe('building an image', () => {
  it('is done once for fifty who ask at once, and never again', async () => {
    const { builder, made } = instance();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => builder.build(request('git'), 'latest')));
    assert.ok(outcomes.every(({ kind }) => kind === 'image'));
    await builder.build(request('git'), 'latest');
    assert.deepEqual(made, ['git']);
  });

  it('is done once by two instances over one store', async () => {
    const one = instance();
    const other = instance({ store: one.store });
    const asked = Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? one : other).builder.build(request('git'), 'latest'),
    );
    assert.ok((await Promise.all(asked)).every(({ kind }) => kind === 'image'));
    assert.equal(one.made.length + other.made.length, 1);
    assert.equal((await Array.fromAsync(one.store.list('locks'))).length, 0);
  });

  it('goes on when its caller leaves, for whoever asks next', async () => {
    const { builder, made } = instance({ makeMs: 100 });
    const leaving = new AbortController();
    const first = builder.build(request('git'), 'latest', { signal: leaving.signal });
    await sleep(20);
    leaving.abort(new Error('left'));
    await assert.rejects(first, /left/);
    assert.equal((await builder.build(request('git'), 'latest')).kind, 'image');
    assert.deepEqual(made, ['git']);
  });

  it('is waited for as long as the caller wants', async () => {
    const { builder, made } = instance({ makeMs: 200 });
    assert.equal((await builder.build(request('git'), 'latest', { holdMs: 30 })).kind, 'in-progress');
    assert.equal((await builder.build(request('git'), 'latest', { holdMs: 5000 })).kind, 'image');
    assert.deepEqual(made, ['git']);
  });

  it('is bounded in number: others queue, and beyond that are told to come again', async () => {
    const { builder, made } = instance({ makeMs: 100, maxBuilds: 1, maxQueue: 2 });
    const running = ['a', 'b', 'c'].map((name) => builder.build(request(name), 'latest'));
    await sleep(20);
    const refused = await builder.build(request('d'), 'latest');
    assert.ok(refused.kind === 'busy');
    assert.equal(refused.retryAfterSeconds, 10);
    // Who wants what is being built already is no more work.
    assert.equal((await builder.build(request('c'), 'latest')).kind, 'image');
    await Promise.all(running);
    assert.deepEqual(made, ['a', 'b', 'c']);
    // What is known does not queue.
    const blocked = builder.build(request('e'), 'latest');
    assert.equal((await builder.build(request('a'), 'latest', { holdMs: 50 })).kind, 'image');
    await blocked;
  });

  it('is bounded in number when all ask in one moment, and where nobody may wait', async () => {
    const { builder, made } = instance({ makeMs: 20, maxBuilds: 1, maxQueue: 2 });
    const burst = Array.from({ length: 50 }, (_, index) => builder.build(request(`image-${index}`), 'latest'));
    const refused = (await Promise.all(burst)).filter(({ kind }) => kind === 'busy');
    assert.deepEqual([made.length, refused.length], [3, 47]);

    const none = instance({ makeMs: 20, maxBuilds: 1, maxQueue: 0 });
    const first = none.builder.build(request('a'), 'latest');
    const second = await none.builder.build(request('b'), 'latest');
    assert.ok(second.kind === 'busy');
    assert.equal(second.message, '1 images are being made and 0 wait: try again later');
    assert.equal((await first).kind, 'image');
  });

  it('that ends with a fault of ours is logged, also when nobody waits for it any more', async () => {
    const { builder, warnings } = instance({ fault: () => new Error('the store is gone') });
    assert.equal((await builder.build(request('git'), 'latest', { holdMs: 5 })).kind, 'in-progress');
    while (warnings.length === 0) await sleep(5);
    assert.deepEqual(warnings, ["a build ended with a fault that is not the image's"]);
  });

  it('that fails says why, also when that cannot be remembered', async () => {
    const store = memoryStore();
    const { builder, warnings } = instance({
      store: {
        ...store,
        createRecord: (key, ...rest) =>
          key.startsWith('failures/') ? Promise.reject(new Error('503')) : store.createRecord(key, ...rest),
      },
      fault: () => new BuildFailedError(['error: the compiler is sad']),
    });
    const outcome = await builder.build(request('git'), 'latest');
    assert.ok(outcome.kind === 'build-failed');
    assert.equal(outcome.message, 'the compiler is sad');
    assert.ok(warnings.includes('a failure cannot be remembered: who asks again builds again'));
  });

  it('that fails is not repeated for a minute, at any instance', async () => {
    const fault = () => new BuildFailedError(['error: the compiler is sad']);
    const one = instance({ fault });
    const other = instance({ store: one.store, fault });
    for (const { builder } of [one, other, one]) {
      const outcome = await builder.build(request('git'), 'latest');
      assert.ok(outcome.kind === 'build-failed');
      assert.equal(outcome.message, 'the compiler is sad');
    }
    assert.equal(one.made.length + other.made.length, 1);
  });

  it('that fails for a fault of the machine is tried again', async () => {
    const faults = [new Error('disk full'), undefined];
    const { builder, made } = instance({ fault: () => faults.shift() as Error });
    await assert.rejects(builder.build(request('git'), 'latest'), /disk full/);
    assert.equal((await builder.build(request('git'), 'latest')).kind, 'image');
    assert.equal(made.length, 2);
  });

  it('ends at its deadline', async () => {
    const { builder } = instance({ makeMs: 5000, timeoutMs: 50 });
    const outcome = await builder.build(request('git'), 'latest');
    assert.ok(outcome.kind === 'out-of-time');
    assert.match(outcome.message, /within 0\.05 s/);
  });

  it('is not begun for a reference that is unknown', async () => {
    const { builder, made } = instance();
    assert.deepEqual(await builder.build(request('git'), 'v0'), { kind: 'reference-unknown', message: 'no v0' });
    assert.deepEqual(made, []);
  });

  it('is stopped with the process, gives its lease back, and sends who waits elsewhere', async () => {
    const { builder, store } = instance({ makeMs: 5000 });
    const waiting = builder.build(request('git'), 'latest');
    await sleep(30);
    await builder.stop();
    assert.equal((await waiting).kind, 'in-progress');
    assert.equal((await Array.fromAsync(store.list('locks'))).length, 0);
    assert.equal((await builder.build(request('other'), 'latest')).kind, 'in-progress');
    assert.equal((await instance({ store }).builder.build(request('git'), 'latest')).kind, 'image');
  });

  it('is taken over from an instance that died', async () => {
    const store = memoryStore();
    const dead = leases({ store, log: quiet, renewMs: 1e9 });
    await dead.take(keyHash({ attributes: ['git'] }));
    const { builder } = instance({ store });
    assert.equal((await builder.build(request('git'), 'latest')).kind, 'image');
  });

  it('is done again when a blob of it turns out to be gone', async () => {
    const { builder, made } = instance();
    await builder.build(request('git'), 'latest');
    const git = { request: request('git'), references: ['latest', 'gone'] };
    await builder.reportMissing(digestOfBytes('another'), git);
    await builder.build(request('git'), 'latest');
    assert.equal(made.length, 1);
    await builder.reportMissing(digestOfBytes('layer'), git);
    await builder.build(request('git'), 'latest');
    assert.equal(made.length, 2);
  });

  it('is done again also when another instance made it, and this one never served it', async () => {
    const { builder, store } = instance();
    await builder.build(request('git'), 'latest');
    const other = instance({ store });
    const missing = digestOfBytes('layer');
    await other.builder.reportMissing(missing, { request: request('other'), references: ['latest'] });
    assert.equal((await Array.fromAsync(store.list('images'))).length, 2);
    await other.builder.reportMissing(missing, { request: request('git'), references: ['latest'] });
    assert.equal((await Array.fromAsync(store.list('images'))).length, 0);
    await other.builder.build(request('git'), 'latest');
    assert.equal(other.made.length, 1);
  });
});

describe('where an image comes from', () => {
  it('is told, and how large it is', async () => {
    const one = instance();
    const other = instance({ store: one.store, evaluated: 2 });
    const from = async ({ builder }: typeof one, name: string) => {
      const outcome = await builder.build(request(name), 'latest');
      assert.ok(outcome.kind === 'image');
      assert.equal(outcome.image.sizeBytes, 6);
      return outcome.from;
    };
    assert.deepEqual(
      [
        await from(one, 'git'),
        await from(one, 'git'),
        await from(other, 'git'),
        await from(other, 'git'),
        await from(other, 'jq'),
      ],
      ['composed', 'memory', 'store', 'memory', 'built'],
    );
    assert.equal(one.builder.peek(request('git'), 'latest')?.kind, undefined);
  });
});

describe('a budget of builds', () => {
  it('is asked before a build is begun, and for nothing else', async () => {
    const { builder, made } = instance();
    let left = 1;
    const budget = {
      take: () => (left-- > 0 ? ({ kind: 'left' } as const) : ({ kind: 'spent', retryAfterSeconds: 9 } as const)),
      giveBack: () => {
        left++;
      },
    };
    const ask = (name: string) => builder.build(request(name), 'latest', { budget });
    const [first, second] = await Promise.all([ask('git'), ask('git')]);
    assert.deepEqual([first.kind, second.kind], ['image', 'image']);
    assert.equal((await ask('git')).kind, 'image');
    const refused = await ask('jq');
    assert.ok(refused.kind === 'busy');
    assert.equal(refused.retryAfterSeconds, 9);
    assert.deepEqual(made, ['git']);
    // It is not remembered against others.
    assert.equal((await builder.build(request('jq'), 'latest')).kind, 'image');
  });

  /** One that counts what is taken and not given back. */
  function counted(size = 100) {
    let spent = 0;
    return {
      spent: () => spent,
      take: () =>
        spent < size ? (spent++, { kind: 'left' } as const) : ({ kind: 'spent', retryAfterSeconds: 9 } as const),
      giveBack: () => {
        spent--;
      },
    };
  }

  it('is not spent by names that are unknown or refused, by a policy, or by what failed lately', async () => {
    const unknown: PackagesUnavailable = {
      kind: 'packages-unavailable',
      unknown: [{ attribute: 'x', nearMatches: [] }],
      refused: [],
    };
    const unfree: PackagesUnavailable = {
      kind: 'packages-unavailable',
      unknown: [],
      refused: [{ attribute: 'x', message: 'unfree' }],
    };
    for (const [answer, kind] of [
      [unknown, 'packages-unavailable'],
      [unfree, 'packages-unavailable'],
      [new PackageDeniedError('nmap may not be pulled', []), 'denied'],
    ] as const) {
      const budget = counted();
      const { builder } = instance({ fault: () => answer });
      for (let turn = 0; turn < 3; turn++) {
        assert.equal((await builder.build(request('x'), 'latest', { budget })).kind, kind);
      }
      assert.equal(budget.spent(), 0, kind);
    }
    const budget = counted();
    const { builder, made } = instance({ fault: () => new BuildFailedError(['it failed']) });
    for (let turn = 0; turn < 5; turn++) {
      assert.equal((await builder.build(request('x'), 'latest', { budget })).kind, 'build-failed');
    }
    assert.equal((await builder.build(request('x'), 'no-such-tag', { budget })).kind, 'reference-unknown');
    assert.deepEqual([made.length, budget.spent()], [1, 1]);
    // Whoever has nothing left is told of it as well.
    assert.equal((await builder.build(request('x'), 'latest', { budget: counted(0) })).kind, 'build-failed');
  });

  it('is spent once for an image that is asked for again and again while it is made', async () => {
    const budget = counted();
    const { builder, made } = instance({ makeMs: 300 });
    let hops = 0;
    for (;;) {
      const outcome = await builder.build(request('git'), 'latest', { budget, holdMs: 20 });
      if (outcome.kind === 'image') break;
      assert.equal(outcome.kind, 'in-progress');
      hops++;
    }
    assert.ok(hops > 1);
    assert.deepEqual([made, budget.spent()], [['git'], 1]);
  });

  it('is spent by the instance that makes an image, and not by those that wait for it', async () => {
    const store = memoryStore();
    const [one, other] = [instance({ store, makeMs: 300 }), instance({ store, makeMs: 300 })];
    const [first, second] = [counted(), counted()];
    const making = one.builder.build(request('git'), 'latest', { budget: first });
    await sleep(100);
    const waited = await other.builder.build(request('git'), 'latest', { budget: second });
    assert.deepEqual([(await making).kind, waited.kind], ['image', 'image']);
    assert.deepEqual([first.spent(), second.spent()], [1, 0]);
    assert.deepEqual([one.made, other.made], [['git'], []]);
  });

  it('of one who has nothing left does not end the build of another', async () => {
    const { builder, made } = instance();
    const budget = counted();
    const outcomes = await Promise.all([
      builder.build(request('git'), 'latest', { budget: counted(0) }),
      builder.build(request('git'), 'latest', { budget }),
    ]);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['busy', 'image'],
    );
    assert.deepEqual([made, budget.spent()], [['git'], 1]);
  });
});

describe('a policy', () => {
  const deny = (...patterns: string[]) => packagePolicy({ allow: undefined, deny: patterns });

  it('holds for images that were made without it, by name and by digest, in memory and in the store', async () => {
    const free = instance();
    const outcome = await free.builder.build(request('nmap'), 'latest');
    assert.ok(outcome.kind === 'image');
    const { builder, made } = instance({ store: free.store, policy: deny('nmap') });
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(await builder.build(request('nmap'), 'latest'), {
        kind: 'denied',
        message: 'nmap may not be pulled from this registry',
      });
      assert.equal((await builder.findByDigest(outcome.image.digest))?.kind, 'denied');
    }
    assert.deepEqual(made, []);
    assert.equal((await builder.build(request('git'), 'latest')).kind, 'image');
  });

  it('holds for images whose records do not say what was asked for: their packages do', async () => {
    const old = instance({ says: false });
    const record = (name: string) =>
      packageRecord({
        ...{ attribute: name, attributePath: name, name: `${name}-7.0`, packageVersion: '7.0' },
        ...{ mainProgram: null, priority: null, propagated: [], trees: {} },
        outputs: [PATH],
        closure: [{ path: PATH, narHash: 'sha256-x', narSizeBytes: 1, references: [] }],
      });
    for (const name of ['nmap', 'git']) {
      await old.builder.build(request(name), 'latest');
      const object = packageObject(keyHash({ package: name }));
      await old.store.createRecord(object, recordBytes(object, record(name)));
    }
    const { builder, made } = instance({ store: old.store, policy: deny('nmap') });
    assert.equal((await builder.build(request('nmap'), 'latest')).kind, 'denied');
    assert.equal((await builder.build(request('git'), 'latest')).kind, 'image');
    assert.equal(builder.peek(request('git'), 'latest')?.kind, undefined);
    assert.deepEqual(made, []);
  });

  it('makes an image again when nothing says any more what it was made of', async () => {
    const old = instance({ says: false });
    const outcome = await old.builder.build(request('git'), 'latest');
    assert.ok(outcome.kind === 'image');
    const { builder, made } = instance({ store: old.store, policy: deny('nmap') });
    assert.equal(await builder.findByDigest(outcome.image.digest), undefined);
    assert.equal((await builder.build(request('git'), 'latest')).kind, 'image');
    assert.deepEqual(made, ['git']);
  });

  it('that refuses while an image is made is not remembered as a failure of the image', async () => {
    const { builder, made, store } = instance({ fault: () => new PackageDeniedError('nmap may not be pulled', []) });
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(await builder.build(request('nmap'), 'latest'), {
        kind: 'denied',
        message: 'nmap may not be pulled',
      });
    }
    assert.equal(made.length, 2);
    assert.equal((await Array.fromAsync(store.list('failures'))).length, 0);
  });
});
