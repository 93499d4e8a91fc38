import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { converse } from '../../../functions/nix/process/process.ts';
import { env, failureOf } from './failure.ts';

const talk = (script: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  converse('sh', ['-c', script], { env, ...options });

describe('a conversation', () => {
  it('gives as many bytes as were asked for, however they come', async () => {
    const cat = talk('cat');
    const sent = Buffer.alloc(300_000, 'abc');
    cat.write(sent);
    assert.equal((await cat.read(1)).toString(), 'a');
    assert.deepEqual(await cat.read(299_998), sent.subarray(1, -1));
    cat.write(Buffer.from('more'));
    assert.equal((await cat.read(5)).toString(), 'cmore');
    assert.equal((await cat.read(0)).length, 0);
    await cat.close();
  });

  it('says why the program ended before it had answered', async () => {
    const failing = talk('echo ab; echo "error: no such thing" >&2; exit 3');
    const failure = await failureOf(failing.read(4));
    assert.equal(failure.failure, 'exit');
    assert.deepEqual(failure.logTail, ['error: no such thing']);
    await failing.close();
    assert.equal((await failureOf(talk('exit 0').read(1))).failure, 'exit');
  });

  it('is over when it takes too long or is aborted', async () => {
    assert.equal((await failureOf(talk('exec sleep 100', { timeoutMs: 50 }).read(1))).failure, 'timeout');
    const over = new AbortController();
    const sleeping = talk('exec sleep 100', { signal: over.signal });
    const reading = failureOf(sleeping.read(1));
    over.abort();
    assert.equal((await reading).failure, 'aborted');
    await sleeping.close();
  });

  it('can be closed by who did not listen', async () => {
    const printing = talk('head -c 1000000 /dev/zero; cat');
    await printing.close();
    await assert.rejects(printing.read(1));
  });
});
