import { z } from 'zod';
import type { Tree } from './tree.ts';

const NAME = /^[^\0/]+$/;
const BYTES = /^[^\0\u0100-\uffff]+$/;

/** A tree in its JSON form, which is the form in memory. Hand-written: records list tens of thousands of names. */
export const treeSchema: z.ZodType<Tree> = z.custom<Tree>((json) => isTree(json), 'not the tree of a store path');

function isTree(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  if ('entries' in json) {
    if (!Array.isArray(json.entries)) return false;
    let previous = '';
    for (const entry of json.entries as unknown[]) {
      if (!Array.isArray(entry) || entry.length !== 2) return false;
      const [name, tree] = entry as [unknown, unknown];
      if (typeof name !== 'string' || name <= previous || !isName(name) || !isTree(tree)) return false;
      previous = name;
    }
    return true;
  }
  if ('target' in json) return typeof json.target === 'string' && BYTES.test(json.target);
  return (
    'size' in json &&
    Number.isSafeInteger(json.size) &&
    (json.size as number) >= 0 &&
    (!('executable' in json) || json.executable === true)
  );
}

function isName(name: string): boolean {
  return NAME.test(name) && BYTES.test(name) && name !== '.' && name !== '..';
}
