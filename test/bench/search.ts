import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PackageColumns, packageSearch } from '../../functions/builder/package-search.ts';
import { debianPackages } from '../support/debian.ts';
import { startRegistry } from '../support/service/registry-process.ts';
import { request } from '../support/http/request.ts';
import type { Benchmark, Figure } from './figure.ts';

const PHRASES = ['git', 'web server', 'lib', 'a', 'python module for'];
/** A person who types sees no delay. */
const MOST_SECONDS = 0.05;
const ROUNDS = 20;

/** Searching all of Debian for words, beside looking once at every letter that there is. */
export const search: Benchmark = {
  name: 'search',
  async measure(setting) {
    const folder = await setting.folder();
    {
      await using registry = await startRegistry({ NIXERY_PKGS_PATH: debianPackages, STORAGE_PATH: folder });
      const { status } = await request(registry.origin, 'GET', '/api/search?q=git');
      if (status !== 200) throw new Error(`nothing can be searched: ${status}`);
    }
    const [file = ''] = await readdir(join(folder, 'indexes'));
    const columns = JSON.parse(await readFile(join(folder, 'indexes', file), 'utf8')) as PackageColumns;
    const packages = packageSearch(columns);
    const text = `${columns.names}${columns.descriptions}`;
    const rounds = (work: () => unknown): number[] =>
      Array.from({ length: ROUNDS }, () => {
        const startMs = performance.now();
        work();
        return (performance.now() - startMs) / 1000;
      });
    const floor = { what: 'looking for what is nowhere', values: rounds(() => text.indexOf('\0')) };
    return PHRASES.map((words): Figure => ({
      name: `search for "${words}"`,
      unit: 's',
      values: rounds(() => packages.search(words, 10)),
      floor,
      atMost: MOST_SECONDS,
    }));
  },
};
