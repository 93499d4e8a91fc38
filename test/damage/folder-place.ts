import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { damagedCopy, objectsIn } from '../support/store/damaged-store.ts';
import type { Place } from './place.ts';

export function folderPlace(scratch: string): Place {
  const store = join(scratch, 'store');
  return {
    name: 'a folder',
    hasBrokenBlobs: true,
    environment: { STORAGE_PATH: store },
    keys: () => objectsIn(store),
    async damaged(keys, damage) {
      const to = await mkdtemp(join(scratch, 'damaged-'));
      await damagedCopy({ store, to }, { keys, damage, without: [] });
      return {
        environment: { STORAGE_PATH: to },
        [Symbol.asyncDispose]: () => rm(to, { recursive: true }),
      };
    },
  };
}
