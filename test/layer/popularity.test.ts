import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { PopularityError, readPopularity } from '../../functions/layer/popularity.ts';
import { temporaryFolder } from './fixture.ts';

const folder = temporaryFolder();

function file(content: string): string {
  const path = join(folder, 'popularity.json');
  writeFileSync(path, content);
  return pathToFileURL(path).href;
}

describe('popularity data', () => {
  it('is read from a file and over HTTP', async () => {
    const expected = new Map([
      ['glibc-2.40', 30_000],
      ['zlib-1.3', 900],
    ]);
    const json = JSON.stringify(Object.fromEntries(expected));
    assert.deepEqual(await readPopularity(file(json)), expected);
    const server = createServer((_, response) => response.end(json)).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => server.once('listening', resolve));
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      assert.deepEqual(await readPopularity(`http://127.0.0.1:${address.port}/`), expected);
    } finally {
      server.close();
    }
  });

  it('that is missing or something else stops the start in words', async () => {
    for (const url of [`${file('')}.none`, file('[]'), file('{"a":"b"}'), file('{'), 'http://127.0.0.1:1/']) {
      await assert.rejects(readPopularity(url), (error) => {
        assert.ok(error instanceof PopularityError);
        assert.match(error.message, /^NIX_POPULARITY_URL: .* (?:cannot be read|is no JSON object)/);
        return true;
      });
    }
  });
});
