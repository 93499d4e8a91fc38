import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of objects that are in use, after all that is not was taken away. */
export function heapAfterCollection(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
