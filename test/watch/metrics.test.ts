import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metrics } from '../../functions/watch/metrics.ts';
import { storeSize } from '../../functions/watch/store-size.ts';
import { memoryStore } from '../../functions/storage/memory.ts';
import { storeImage } from '../support/store/stored-image.ts';

async function textOf(made: ReturnType<typeof metrics>): Promise<string> {
  const { status, headers, body } = await made.answer();
  assert.equal(status, 200);
  assert.match(headers['Content-Type'] ?? '', /^text\/plain/);
  assert.ok(Buffer.isBuffer(body));
  return body.toString();
}

describe('GET /metrics', () => {
  it('counts pulls, builds and answers, and looks at what goes on', async () => {
    const stored: { size?: { blobs: number; bytes: number } } = {};
    const made = metrics({ builds: () => ({ waiting: 2, running: 1 }), store: () => stored.size });
    made.pull('manifest', 'memory', 0.002, 1000);
    made.pull('manifest', 'memory', 0.002, 500);
    made.pull('build-failed', undefined, 3, 0);
    made.build('made', 4);
    made.request('blob', 303);
    const text = await textOf(made);
    for (const line of [
      'nixery_pulls_total{outcome="manifest",cache="memory"} 2',
      'nixery_pulls_total{outcome="build-failed",cache="none"} 1',
      'nixery_image_bytes_total 1500',
      'nixery_builds_total{state="made"} 1',
      'nixery_build_seconds_bucket{le="5",state="made"} 1',
      'nixery_requests_total{route="blob",status="303"} 1',
      'nixery_builds_running 1',
      'nixery_builds_waiting 2',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
    }
    assert.doesNotMatch(text, /^nixery_store_bytes \d/m, 'not counted yet');
    stored.size = { blobs: 3, bytes: 12 };
    assert.match(await textOf(made), /^nixery_store_bytes 12$/m);
  });
});

describe('the size of a store', () => {
  it('is counted at most once an hour, behind who asks', async () => {
    const store = memoryStore();
    await storeImage(store, ['hello']);
    let nowMs = 0;
    const size = storeSize({
      store,
      log: { warn: (about: unknown) => assert.fail(JSON.stringify(about)) },
      nowMs: () => nowMs,
    });
    assert.equal(size(), undefined);
    const counted = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return size();
    };
    const first = await counted();
    assert.ok(first !== undefined && first.blobs > 2 && first.bytes > 0);
    await storeImage(store, ['jq']);
    assert.deepEqual(await counted(), first);
    nowMs = 3_600_001;
    size();
    assert.ok(((await counted())?.blobs ?? 0) > first.blobs);
  });
});
