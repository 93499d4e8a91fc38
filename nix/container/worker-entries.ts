import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** The way in which a module names a file that a thread starts with. */
const WORKER_URL = /new URL\('\.\/([\w-]+)\.ts', import\.meta\.url\)/g;

/**
 * Lets `new URL('./file.ts', import.meta.url)` name the bundle of that file, which lies beside the bundle that names it.
 *
 * @param found is called with the path of each such file; it has to become an entry point
 */
export function workerEntries(found: (path: string) => void): Plugin {
  return {
    name: 'worker-entries',
    setup(build) {
      build.onLoad({ filter: /\/functions\/.*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const contents = source.replaceAll(WORKER_URL, (_text, name: string) => {
          found(join(dirname(path), `${name}.ts`));
          return `new URL('./${name}.mjs', import.meta.url)`;
        });
        return { contents, loader: 'ts' };
      });
    },
  };
}
