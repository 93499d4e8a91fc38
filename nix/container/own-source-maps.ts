import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * Lets the source map say of packages only which file something is in, and the line for what is ours. The log's library has
 * the map read at each start, and to read one of everything takes as long as all the rest of the start.
 */
export const ownSourceMaps: Plugin = {
  name: 'own-source-maps',
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, async ({ path }) => {
      // The first character is the first of the file (ECMA-426), and nothing more is said.
      const map = Buffer.from(JSON.stringify({ version: 3, sources: [basename(path)], mappings: 'AAAA' }));
      const url = `data:application/json;base64,${map.toString('base64')}`;
      return { contents: `${await readFile(path, 'utf8')}\n//# sourceMappingURL=${url}`, loader: 'js' };
    });
  },
};
