import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, describe, it } from 'node:test';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nix, NixCall, ResolveRequest } from '../../functions/nix/nix.ts';
import { ProcessError } from '../../functions/nix/process.ts';
import { type ReadyNix, readyNix } from '../../functions/nix/ready-nix.ts';
import { resolve } from '../../functions/nix/resolve.ts';
import { fixturePackages, nix } from '../support/nix.ts';
import { projectFolder } from '../support/registry-process.ts';

const source = { kind: 'folder', path: fixturePackages } as const;
const ofSource = (...attributes: string[]): ResolveRequest => ({ source, system: 'x86_64-linux', attributes });
const hostile = { kind: 'folder', path: join(projectFolder, 'test', 'fixtures', 'hostile') } as const;

/** Processes that wait, of those that this one has started: their ids. */
function waiting(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((id) => {
      try {
        const [, state = ''] = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ');
        const words = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0');
        return state.split(' ')[1] === String(process.pid) && words.some((word) => word.includes('"ahead"'));
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
}

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('nixery-ahead-'));
const foldersBefore = new Set(folders());
const ownFolders = () => folders().filter((name) => !foldersBefore.has(name));

/** Waits until something is so: at most ten seconds. */
async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500 && !condition(); round++) await sleep(20);
  assert.ok(condition(), condition.toString());
}

describe('an evaluation that was begun before anybody asks', () => {
  const warnings: unknown[] = [];
  const started: ReadyNix[] = [];
  function start(own: Nix = nix, timeoutMs = 60_000): ReadyNix {
    const ready = readyNix(own, { timeoutMs, log: { warn: (entry: unknown) => warnings.push(entry) } });
    started.push(ready);
    return ready;
  }
  afterEach(async () => {
    warnings.length = 0;
    await Promise.all(started.splice(0).map((ready) => ready.stop()));
    await until(() => waiting().length === 0 && ownFolders().length === 0);
  });
  /** Resolves with it alone: fails when nothing waits. */
  async function resolved(ready: ReadyNix, request: ResolveRequest, call: NixCall = {}) {
    const json = await ready.resolve(request, call);
    assert.ok(json !== undefined, 'nothing waited');
    return JSON.parse(json) as unknown;
  }

  it('says what any other says, for names that were evaluated before and for others', async () => {
    const names = ['greet', 'unfree', 'nothing', 'nested.deep', 'several.man', 'throws', 'pkgs', 'Greet'];
    const ready = start();
    ready.begin(ofSource('greet', 'several', 'throws', 'nothing'));
    let answers = 0;
    const counted = {
      async resolve(request: ResolveRequest, call: NixCall) {
        const json = await ready.resolve(request, call);
        if (json !== undefined) answers++;
        return json;
      },
    };
    const resolutions = await resolve(nix, ofSource(...names), { ready: counted });
    assert.deepEqual(resolutions, await resolve(nix, ofSource(...names)));
    assert.equal(answers, 1);
  });

  it('waits as long as nobody asks, and answers one', async () => {
    const ready = start();
    ready.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    await sleep(300);
    assert.equal(waiting().length, 1);
    await resolved(ready, ofSource('several'));
    assert.equal(await ready.resolve(ofSource('several'), {}), undefined);
  });

  it('is for one source and one system', async () => {
    const ready = start();
    ready.begin(ofSource('greet'));
    assert.equal(await ready.resolve({ ...ofSource('greet'), source: hostile }, {}), undefined);
    assert.equal(await ready.resolve({ ...ofSource('greet'), system: 'aarch64-linux' }, {}), undefined);
    await resolved(ready, ofSource('greet'));
  });

  it('makes room for one of another source, and stays for its own', async () => {
    const ready = start();
    ready.begin({ ...ofSource('harmless'), source: hostile });
    await until(() => waiting().length === 1);
    const [first] = waiting();
    ready.begin({ ...ofSource('harmless'), source: hostile });
    await sleep(100);
    assert.deepEqual(waiting(), [first]);
    ready.begin(ofSource('greet'));
    await until(() => waiting().length === 1 && waiting()[0] !== first);
    assert.equal(await ready.resolve({ ...ofSource('harmless'), source: hostile }, {}), undefined);
    await resolved(ready, ofSource('greet'));
    assert.deepEqual(warnings, []);
  });

  it('is not there any more when it was ended, and that is told', async () => {
    const ready = start();
    ready.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    process.kill(waiting()[0] as number, 'SIGKILL');
    await until(() => warnings.length === 1);
    assert.equal(await ready.resolve(ofSource('greet'), {}), undefined);
    ready.begin(ofSource('greet'));
    await resolved(ready, ofSource('greet'));
  });

  it('is done without where Nix cannot be started', async () => {
    const ready = start({ ...nix, environment: { PATH: '/nowhere' } });
    ready.begin(ofSource('greet'));
    assert.equal(await ready.resolve(ofSource('greet'), {}), undefined);
    assert.equal(warnings.length, 1);
  });

  it('is done without where what is evaluated before ends it', async () => {
    const ready = start({ ...nix, evaluationMemoryBytes: 512 * 1024 * 1024 });
    const request = { ...ofSource('endless'), source: hostile };
    ready.begin(request);
    // Who asks before it has ended hears the reason from the evaluation that comes then.
    assert.equal(await ready.resolve(request, {}), undefined);
    assert.deepEqual(warnings, []);
  });

  it('takes no processor without end', async () => {
    const ready = start(nix, 1_000);
    ready.begin({ ...ofSource('counts'), source: hostile });
    await until(() => warnings.length === 1);
    assert.equal(waiting().length, 0);
  });

  it('is not begun where what it reads may build', async () => {
    const ready = start({ ...nix, importFromDerivation: 'allow' });
    ready.begin(ofSource('greet'));
    assert.equal(await ready.resolve(ofSource('greet'), {}), undefined);
    assert.deepEqual(waiting(), []);
  });

  it('ends with the call that has it, and no later than that may take', async () => {
    const failsAs = (failure: string) => (error: unknown) => error instanceof ProcessError && error.failure === failure;
    const asked = { ...ofSource('counts'), source: hostile };
    const ready = start();
    ready.begin({ ...asked, attributes: ['harmless'] });
    await assert.rejects(resolved(ready, asked, { timeoutMs: 500 }), failsAs('timeout'));
    ready.begin({ ...asked, attributes: ['harmless'] });
    await assert.rejects(
      resolved(ready, asked, { signal: AbortSignal.timeout(500), timeoutMs: 60_000 }),
      failsAs('aborted'),
    );
    assert.deepEqual(warnings, []);
  });

  it('is as late as its call, where that is asked too early', async () => {
    const ready = start();
    const request = { ...ofSource('counts'), source: hostile };
    ready.begin(request);
    const asked = ready.resolve({ ...request, attributes: ['harmless'] }, { timeoutMs: 300 });
    await assert.rejects(asked, { failure: 'timeout' });
  });

  it('lets another be begun at once, however long the one before takes to end', async () => {
    const ready = start();
    ready.begin({ ...ofSource('counts'), source: hostile });
    await until(() => waiting().length === 1);
    ready.begin(ofSource('greet'));
    const startedMs = performance.now();
    await resolved(ready, ofSource('greet'));
    assert.ok(performance.now() - startedMs < 4_000, `${performance.now() - startedMs} ms`);
  });

  it('is done without where the names cannot be written', async () => {
    const ready = start();
    ready.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    const [folder = ''] = ownFolders();
    rmSync(join(tmpdir(), folder, 'asked.json'));
    mkdirSync(join(tmpdir(), folder, 'asked.json'));
    assert.equal(await ready.resolve(ofSource('greet'), {}), undefined);
    assert.equal(warnings.length, 1);
  });

  it('is begun no more once it was stopped', async () => {
    const ready = start();
    ready.begin(ofSource('greet'));
    await ready.stop();
    assert.deepEqual(ownFolders(), []);
    ready.begin(ofSource('greet'));
    assert.equal(await ready.resolve(ofSource('greet'), {}), undefined);
    assert.equal(ready.closureQuery({}), undefined);
  });

  it('can be read by the user that Nix runs as, and written by nobody', async () => {
    const before = process.umask(0o077);
    const ready = start();
    try {
      ready.begin(ofSource('greet'));
      await until(() => waiting().length === 1);
    } finally {
      process.umask(before);
    }
    const [folder = ''] = ownFolders();
    const modeOf = (name: string) => (statSync(join(tmpdir(), folder, name)).mode & 0o777).toString(8);
    assert.deepEqual(['', 'gate', 'asked.json'].map(modeOf), ['711', '644', '644']);
    await resolved(ready, ofSource('greet'));
  });
});
