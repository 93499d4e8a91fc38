import type { PackageIndex } from '../../builder/package-index.ts';
import type { IndexedPackage } from '../../builder/package-search.ts';
import type { PinOptions } from '../../builder/pins.ts';
import { parseTag } from '../../oci/reference.ts';
import { DEFAULT_SYSTEM, type System } from '../../oci/platform.ts';
import { checkName, type CheckedName } from './check-name.ts';
import { type Command, commandsFor } from './commands.ts';
import { composeMain } from './page.ts';
import type { FoundPackage, SearchView } from './results.ts';
import type { Html } from '../html.ts';
import type { PageWorld } from '../page-world.ts';

/** Names and searches, for the page and for JSON. */
export interface Composing {
  search(
    query: { readonly words: string; readonly tag: string; readonly system: System; readonly limit: number },
    options?: PinOptions,
  ): Promise<{ readonly index: PackageIndex; readonly found: SearchView['found'] }>;
  check(
    typed: { readonly name: string; readonly tag: string },
    origin: string | undefined,
    options?: PinOptions,
  ): Promise<{ readonly index: PackageIndex; readonly checked: CheckedName; readonly commands: readonly Command[] }>;
  /** The page, and the name that is composed on it. */
  page(
    query: URLSearchParams,
    origin: string | undefined,
    options?: PinOptions,
  ): Promise<{ readonly name: string; readonly main: Html }>;
}

/** Of what a page takes from its address. */
const MAX_TYPED_CHARACTERS = 500;
/** Packages on a page. */
const SHOWN = 30;

export function composing({ indexes, policy, systems }: Pick<PageWorld, 'indexes' | 'policy' | 'systems'>): Composing {
  function indexAt(tag: string, system: System, options?: PinOptions): Promise<PackageIndex> {
    const isTag = parseTag(tag) !== undefined;
    return isTag
      ? indexes.at(tag, system, options)
      : Promise.resolve({ kind: 'reference-unknown', message: `${JSON.stringify(tag)} is no tag` });
  }

  function judge(one: IndexedPackage): FoundPackage {
    const refusal = policy?.refusal([{ attributePath: one.name, packageName: one.name }]);
    return { ...one, refusal };
  }

  const composed: Composing = {
    async search({ words, tag, system, limit }, options) {
      const index = await indexAt(tag, system, options);
      if (index.kind !== 'ready') return { index, found: { total: 0, packages: [] } };
      const { total, packages } = index.packages.search(words.slice(0, MAX_TYPED_CHARACTERS), limit);
      return { index, found: { total, packages: packages.map(judge) } };
    },

    async check({ name, tag }, origin, options) {
      const text = name.slice(0, MAX_TYPED_CHARACTERS);
      const plain = checkName(text, undefined, systems);
      const system = plain.kind === 'name' ? plain.request.systems[0] : DEFAULT_SYSTEM;
      const index = await indexAt(tag, system, options);
      const checked = checkName(text, index.kind === 'ready' ? index.packages : undefined, systems);
      // What would fail is no ready command.
      const isPullable =
        checked.kind === 'name' &&
        index.kind !== 'reference-unknown' &&
        index.kind !== 'busy' &&
        origin !== undefined &&
        checked.parts.every(({ kind }) => kind !== 'unknown');
      return { index, checked, commands: isPullable ? commandsFor({ ...checked, origin, tag }) : [] };
    },

    async page(query, origin, options) {
      const take = (field: string) => (query.get(field) ?? '').slice(0, MAX_TYPED_CHARACTERS);
      const state = { name: take('name').trim(), tag: take('tag').trim() || 'latest', query: take('q').trim() };
      const { index, checked, commands } = await composed.check(state, origin, options);
      const { total, packages } =
        index.kind !== 'ready' || state.query === ''
          ? { total: 0, packages: [] }
          : index.packages.search(state.query, SHOWN);
      const found = { total, packages: packages.map(judge) };
      return { name: state.name, main: composeMain({ state, index, checked, commands, found }) };
    },
  };
  return composed;
}
