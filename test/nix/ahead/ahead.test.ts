import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { after, afterEach, describe, it } from 'node:test';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nix, NixCall, ResolveRequest } from '../../../functions/nix/nix.ts';
import { ProcessError } from '../../../functions/nix/process-error.ts';
import { type NixAhead, nixAhead } from '../../../functions/nix/ahead/ahead.ts';
import { resolve } from '../../../functions/nix/resolve/resolve.ts';
import { fixturePackages, nix } from '../../support/nix.ts';
import { projectFolder } from '../../support/service/registry-process.ts';

const source = { kind: 'folder', path: fixturePackages } as const;
const ofSource = (...attributes: string[]): ResolveRequest => ({ source, system: 'x86_64-linux', attributes });
const hostile = { kind: 'folder', path: join(projectFolder, 'test', 'fixtures', 'builds') } as const;

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

// A folder of its own for what is made there: other servers, and other runs of these tests, have theirs in the machine's.
process.env['TMPDIR'] = mkdtempSync(join(tmpdir(), 'nix-ahead-test-'));
after(() => {
  rmSync(tmpdir(), { recursive: true });
});
const ownFolders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('nixery-ahead-'));

/** Waits until something is so: at most a minute, since what Nix does has little right to a busy processor. */
async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 3_000; round++) {
    if (condition()) return;
    await sleep(20);
  }
  assert.fail(`never: ${condition.toString()}`);
}

describe('an evaluation that was begun before anybody asks', () => {
  const warnings: unknown[] = [];
  const started: NixAhead[] = [];
  function start(own: Nix = nix, timeoutMs = 60_000, more: { isStoreSmall?: boolean } = {}): NixAhead {
    const ahead = nixAhead(own, { timeoutMs, log: { warn: (entry: unknown) => warnings.push(entry) }, ...more });
    started.push(ahead);
    return ahead;
  }
  afterEach(async () => {
    warnings.length = 0;
    await Promise.all(started.splice(0).map((ahead) => ahead.stop()));
    await until(() => waiting().length === 0 && ownFolders().length === 0);
  });
  /** Resolves with it alone: fails when nothing waits. */
  async function resolved(ahead: NixAhead, request: ResolveRequest, call: NixCall = {}) {
    const json = await ahead.resolve(request, call);
    assert.ok(json !== undefined, 'nothing waited');
    return JSON.parse(json) as unknown;
  }

  it('says what any other says, for names that were evaluated before and for others', async () => {
    const names = ['greet', 'unfree', 'nothing', 'nested.deep', 'several.man', 'throws', 'pkgs', 'Greet'];
    const ahead = start();
    ahead.begin(ofSource('greet', 'several', 'throws', 'nothing'));
    let answers = 0;
    const counted = {
      async resolve(request: ResolveRequest, call: NixCall) {
        const json = await ahead.resolve(request, call);
        if (json !== undefined) answers++;
        return json;
      },
    };
    const resolutions = await resolve(nix, ofSource(...names), { ahead: counted });
    assert.deepEqual(resolutions, await resolve(nix, ofSource(...names)));
    assert.equal(answers, 1);
  });

  it('waits as long as nobody asks, and answers one', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    await sleep(300);
    assert.equal(waiting().length, 1);
    await resolved(ahead, ofSource('several'));
    assert.equal(await ahead.resolve(ofSource('several'), {}), undefined);
  });

  it('is for one source and one system', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    assert.equal(await ahead.resolve({ ...ofSource('greet'), source: hostile }, {}), undefined);
    assert.equal(await ahead.resolve({ ...ofSource('greet'), system: 'aarch64-linux' }, {}), undefined);
    await resolved(ahead, ofSource('greet'));
  });

  it('makes room for one of another source, and stays for its own', async () => {
    const ahead = start();
    ahead.begin({ ...ofSource('harmless'), source: hostile });
    await until(() => waiting().length === 1);
    const [first] = waiting();
    ahead.begin({ ...ofSource('harmless'), source: hostile });
    await sleep(100);
    assert.deepEqual(waiting(), [first]);
    ahead.begin(ofSource('greet'));
    await until(() => {
      // Looked at once: between two looks the first may have ended.
      const now = waiting();
      return now.length === 1 && now[0] !== first;
    });
    assert.equal(await ahead.resolve({ ...ofSource('harmless'), source: hostile }, {}), undefined);
    await resolved(ahead, ofSource('greet'));
    assert.deepEqual(warnings, []);
  });

  it('is not there any more when it was ended, and that is told', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    process.kill(waiting()[0] as number, 'SIGKILL');
    await until(() => warnings.length === 1);
    assert.equal(await ahead.resolve(ofSource('greet'), {}), undefined);
    ahead.begin(ofSource('greet'));
    await resolved(ahead, ofSource('greet'));
  });

  it('is done without where Nix cannot be started', async () => {
    const ahead = start({ ...nix, environment: { PATH: '/nowhere' } });
    ahead.begin(ofSource('greet'));
    assert.equal(await ahead.resolve(ofSource('greet'), {}), undefined);
    assert.equal(warnings.length, 1);
  });

  it('is done without where what is evaluated before ends it', async () => {
    const ahead = start({ ...nix, evaluationMemoryBytes: 512 * 1024 * 1024 });
    const request = { ...ofSource('endless'), source: hostile };
    ahead.begin(request);
    await until(() => warnings.length === 1);
    assert.equal(await ahead.resolve(request, {}), undefined);
  });

  it('is not blamed on a name that ends it: another evaluation says what is wrong', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    assert.equal(await ahead.resolve(ofSource('crashes'), {}), undefined);
    ahead.begin(ofSource('greet'));
    const [resolution] = await resolve(nix, ofSource('crashes'), { ahead });
    assert.ok(resolution?.kind === 'evaluation-failed');
    assert.match(resolution.message, /^crashes cannot be evaluated: cannot /);
  });

  it('does without it where it has less memory left than a name takes', async () => {
    // What is evaluated before takes some of it.
    const limited = { ...nix, evaluationMemoryBytes: 512 * 1024 * 1024 };
    const ahead = start(limited);
    ahead.begin({ ...ofSource('harmless'), source: hostile });
    const asked = { ...ofSource('endless'), source: hostile };
    assert.equal(await ahead.resolve(asked, {}), undefined);
    assert.deepEqual(warnings, []);
  });

  it('comes to wait in as much time as an evaluation may take, or not at all', async () => {
    start(nix, 1_000).begin({ ...ofSource('counts'), source: hostile });
    await until(() => warnings.length === 1 && waiting().length === 0);
    // One that waits may do so for longer than an evaluation takes on a busy machine.
    const ahead = start(nix, 10_000);
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    await sleep(10_500);
    await resolved(ahead, ofSource('greet'));
    assert.equal(warnings.length, 1);
  });

  it('is not tried for ever', async () => {
    const ahead = start(nix);
    for (let round = 1; round <= 3; round++) {
      ahead.begin({ ...ofSource('greet'), source: { kind: 'folder', path: '/nowhere' } });
      await until(() => warnings.length === round);
    }
    ahead.begin({ ...ofSource('greet'), source: { kind: 'folder', path: '/nowhere' } });
    await sleep(300);
    assert.equal(warnings.length, 3);
    ahead.begin(ofSource('greet'));
    await resolved(ahead, ofSource('greet'));
  });

  it('keeps no source in a store that is small', async () => {
    const ahead = start(nix, 60_000, { isStoreSmall: true });
    const git = {
      ...ofSource('greet'),
      source: { kind: 'git', url: 'file:///nowhere', revision: '0'.repeat(40) },
    } as const;
    ahead.begin(git);
    assert.equal(await ahead.resolve(git, {}), undefined);
    assert.deepEqual(warnings, []);
    ahead.begin(ofSource('greet'));
    await resolved(ahead, ofSource('greet'));
  });

  it('can be ended, and begun again', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    await ahead.end();
    assert.deepEqual([waiting(), ownFolders()], [[], []]);
    assert.equal(ahead.closureQuery({}), undefined);
    ahead.begin(ofSource('greet'));
    await resolved(ahead, ofSource('greet'));
  });

  it('comes through its gate though somebody else has it open', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => ownFolders().some((name) => existsSync(join(tmpdir(), name, 'asked.json'))));
    const [folder = ''] = ownFolders();
    const other = openSync(join(tmpdir(), folder, 'gate'), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await resolved(ahead, ofSource('greet'), { timeoutMs: 20_000 });
    } finally {
      closeSync(other);
    }
  });

  it('is done without when its gate is gone', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    rmSync(join(tmpdir(), ownFolders()[0] ?? '', 'gate'));
    assert.equal(await ahead.resolve(ofSource('greet'), {}), undefined);
    assert.equal(warnings.length, 1);
  });

  it('says into the log of an image what Nix says of that, and no more', async () => {
    const ahead = start();
    ahead.begin({ ...ofSource('warns'), source: hostile });
    await until(() => waiting().length === 1);
    let said = '';
    const onStderr = (chunk: Buffer): void => {
      said += chunk.toString();
    };
    await resolved(ahead, { ...ofSource('warns-too'), source: hostile }, { onStderr });
    assert.match(said, /second warning/);
    assert.doesNotMatch(said, /first warning|waits for names/);
  });

  it('is not begun where what it reads may build', async () => {
    const ahead = start({ ...nix, importFromDerivation: 'allow' });
    ahead.begin(ofSource('greet'));
    assert.equal(await ahead.resolve(ofSource('greet'), {}), undefined);
    assert.deepEqual(waiting(), []);
  });

  it('ends with the call that has it, and no later than that may take', async () => {
    const failsAs = (failure: string) => (error: unknown) => error instanceof ProcessError && error.failure === failure;
    const asked = { ...ofSource('counts'), source: hostile };
    const ahead = start();
    ahead.begin({ ...asked, attributes: ['harmless'] });
    await assert.rejects(resolved(ahead, asked, { timeoutMs: 500 }), failsAs('timeout'));
    ahead.begin({ ...asked, attributes: ['harmless'] });
    await assert.rejects(
      resolved(ahead, asked, { signal: AbortSignal.timeout(500), timeoutMs: 60_000 }),
      failsAs('aborted'),
    );
    assert.deepEqual(warnings, []);
  });

  it('is as late as its call, where that is asked too early', async () => {
    const ahead = start();
    const request = { ...ofSource('counts'), source: hostile };
    ahead.begin(request);
    const asked = ahead.resolve({ ...request, attributes: ['harmless'] }, { timeoutMs: 300 });
    await assert.rejects(asked, { failure: 'timeout' });
  });

  it('lets another be begun at once, however long the one before takes to end', async () => {
    // One that takes as long as it can: until it is killed, seconds after it was asked to end.
    const folder = mkdtempSync(join(tmpdir(), 'slow-to-end-'));
    const real = execFileSync('sh', ['-c', 'command -v nix-instantiate'], { encoding: 'utf8' }).trim();
    const script = `#!/bin/sh
      case "$*" in *${hostile.path}*) trap '' TERM; touch '${folder}/there'; while :; do sleep 1; done ;; esac
      exec '${real}' "$@"`;
    writeFileSync(join(folder, 'nix-instantiate'), script, { mode: 0o755 });
    const path = `${folder}:${nix.environment['PATH'] ?? ''}`;
    const ahead = start({ ...nix, environment: { ...nix.environment, PATH: path } });
    ahead.begin({ ...ofSource('counts'), source: hostile });
    await until(() => existsSync(join(folder, 'there')));
    ahead.begin(ofSource('greet'));
    // Both are there, so that the one was begun before the other had ended.
    await until(() => waiting().length === 2);
    await resolved(ahead, ofSource('greet'));
  });

  it('is done without where the names cannot be written', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    const [folder = ''] = ownFolders();
    rmSync(join(tmpdir(), folder, 'asked.json'));
    mkdirSync(join(tmpdir(), folder, 'asked.json'));
    assert.equal(await ahead.resolve(ofSource('greet'), {}), undefined);
    assert.equal(warnings.length, 1);
  });

  it('leaves a folder that cannot be removed, and says so', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await until(() => waiting().length === 1);
    const folder = join(tmpdir(), ownFolders()[0] ?? '');
    // Nobody removes what something is mounted on.
    mkdirSync(join(folder, 'mounted'));
    execFileSync('mount', ['--bind', fixturePackages, join(folder, 'mounted')]);
    try {
      await resolved(ahead, ofSource('greet'));
      await until(() => warnings.length === 1);
      await ahead.stop();
    } finally {
      execFileSync('umount', [join(folder, 'mounted')]);
      rmSync(folder, { recursive: true });
    }
  });

  it('is begun no more once it was stopped', async () => {
    const ahead = start();
    ahead.begin(ofSource('greet'));
    await ahead.stop();
    assert.deepEqual(ownFolders(), []);
    ahead.begin(ofSource('greet'));
    assert.equal(await ahead.resolve(ofSource('greet'), {}), undefined);
    assert.equal(ahead.closureQuery({}), undefined);
  });

  it('can be opened by Nix alone, or by the group of the user that Nix runs as', async () => {
    const modesOf = (folder: string) =>
      ['', 'gate', 'asked.json'].map((name) => {
        const { mode, gid } = statSync(join(tmpdir(), folder, name));
        return `${(mode & 0o777).toString(8)} ${gid}`;
      });
    const ahead = start();
    const before = process.umask(0);
    try {
      ahead.begin(ofSource('greet'));
      await until(() => waiting().length === 1);
    } finally {
      process.umask(before);
    }
    const own = String(process.getgid?.());
    assert.deepEqual(modesOf(ownFolders()[0] ?? ''), [`700 ${own}`, `600 ${own}`, `600 ${own}`]);
    await resolved(ahead, ofSource('greet'));
  });
});
