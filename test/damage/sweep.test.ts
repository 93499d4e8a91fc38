import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bucketPlace } from './bucket-place.ts';
import { sweep } from './sweep.ts';

it('a bucket of which all of a kind is damaged is mended by two pulls, and what is cut is not sent', async () => {
  await using place = await bucketPlace();
  const rounds = await sweep(place, { images: 2, each: false, maxSeconds: 600 });
  assert.deepEqual(
    rounds.flatMap(({ what, findings }) => findings.map((finding) => `${what}: ${finding}`)),
    [],
  );
  // So that there was something to find: of two images manifest, config, and two layers or more.
  const layers = rounds.find(({ what }) => what === 'the end of all layers') ?? assert.fail();
  assert.ok(layers.seen >= 8, `${layers.seen}`);
});
