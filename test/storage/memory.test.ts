import { type MemoryStore, memoryStore } from '../../functions/storage/memory.ts';
import { blobStoreConformance } from './conformance.ts';

blobStoreConformance('a store in memory', () => Promise.resolve(memoryStore()), {
  countStaged: (store) => Promise.resolve((store as MemoryStore).stagedCount),
});
