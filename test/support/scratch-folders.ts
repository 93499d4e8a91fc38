import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

/** For the tests of a file: makes a new, empty folder at each call. All are removed behind the last test. */
export function scratchFolders(): () => Promise<string> {
  let scratch: string;
  let made = 0;
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'nixery-test-'));
  });
  after(() => rm(scratch, { recursive: true }));
  return async () => {
    const path = join(scratch, String(made++));
    await mkdir(path);
    return path;
  };
}
