import { LRUCache } from 'lru-cache';
import type { ObjectKey } from './object-key.ts';

/**
 * Values of records that this process has read or written. A store is asked all the same; where it gives the same bytes
 * again, they need not be parsed and checked once more.
 */
export interface RememberedRecords<T> {
  /** Undefined when the object is not known, or with other bytes. */
  get(key: ObjectKey, bytes: Buffer): T | undefined;
  /** Of large records. @param value what the bytes say; nobody changes it */
  set(key: ObjectKey, bytes: Buffer, value: T): void;
}

/** Smaller ones are parsed in no time. Node cuts their bytes out of larger memory, all of which would be kept. */
const LEAST_BYTES = 4_096;

/** @param maxBytes of records, as they are stored; their values take some times as much */
export function rememberedRecords<T extends object>(maxBytes: number): RememberedRecords<T> {
  const remembered = new LRUCache<ObjectKey, { readonly bytes: Buffer; readonly value: T }>({ maxSize: maxBytes });
  return {
    get(key, bytes) {
      const known = remembered.get(key);
      return known?.bytes.equals(bytes) ? known.value : undefined;
    },
    set(key, bytes, value) {
      if (bytes.length >= LEAST_BYTES) remembered.set(key, { bytes, value }, { size: bytes.length });
    },
  };
}
