import type { PackageIndex } from '../../builder/package-index.ts';
import type { IndexedPackage } from '../../builder/package-search.ts';
import { type Html, html } from '../html.ts';
import { bytes, number } from '../words.ts';
import { addressOf, type ComposeState, partsOf, without } from './state.ts';

/** A package that was found, and why it may not be had. */
export interface FoundPackage extends IndexedPackage {
  readonly refusal?: string | undefined;
}

/** What a search gave. */
export interface SearchView {
  readonly state: ComposeState;
  readonly index: PackageIndex;
  readonly found: { readonly total: number; readonly packages: readonly FoundPackage[] };
}

export function resultSection(view: SearchView): Html {
  const { index, found, state } = view;
  const parts = partsOf(state.name);
  const rows = found.packages.map((one) => resultItem(one, state, parts));
  return html`<section id="results" aria-label="Packages">
    <p id="count" role="status" ${index.kind === 'making' ? html`data-again="1500"` : ''}>
      ${countText(index, found, state.query)}
    </p>
    ${
      rows.length > 0 &&
      html`<ul class="results">
        ${rows}
      </ul>`
    }
  </section>`;
}

function countText(index: PackageIndex, found: SearchView['found'], query: string): string {
  switch (index.kind) {
    case 'ready': {
      if (query === '') return `${number(index.packages.size)} packages at revision ${index.revision.slice(0, 12)}.`;
      if (found.total === 0) return 'No package matches.';
      const shown = found.packages.length < found.total ? `, of which these are the best ${found.packages.length}` : '';
      return `${number(found.total)} ${found.total === 1 ? 'package matches' : 'packages match'}${shown}.`;
    }
    case 'making':
      return 'The packages of this revision are being listed, which happens once. Names can be typed meanwhile.';
    case 'unavailable':
    case 'busy':
    case 'reference-unknown':
      return `${index.message}.`;
    default:
      throw new RangeError(`no such index: ${JSON.stringify(index satisfies never)}`);
  }
}

function resultItem(one: FoundPackage, state: ComposeState, parts: readonly string[]): Html {
  const isIn = parts.includes(one.name);
  const name = isIn ? without(state.name, one.name) : [...parts, one.name].join('/');
  const action =
    one.refusal === undefined
      ? html`<a
          class="add"
          data-live
          id="add-${one.name}"
          href="${addressOf({ ...state, name })}"
          ${isIn ? html`aria-current="true"` : ''}
          >${isIn ? 'Remove' : 'Add'}<span class="unseen"> ${one.name}</span></a
        >`
      : html`<span class="refused">not allowed</span>`;
  const size = one.sizeBytes === undefined ? '' : bytes(one.sizeBytes);
  return html`<li>
    <div>
      <strong>${one.name}</strong> <span class="version">${one.version}</span> <span class="size">${size}</span>
      <p>${one.refusal ?? one.description}</p>
    </div>
    ${action}
  </li>`;
}
