import type { CheckedName, CheckedPart } from './check-name.ts';
import type { Command } from './commands.ts';
import { resultSection, type SearchView } from './results.ts';
import { addressOf, type ComposeState, partsOf, replaced, without } from './state.ts';
import { type Html, html } from '../html.ts';

export interface ComposeView extends SearchView {
  readonly checked: CheckedName;
  /** Empty where there is no name yet, or where it is not known how this registry is reached. */
  readonly commands: readonly Command[];
}

export function composeMain(view: ComposeView): Html {
  const { state } = view;
  return html` <h1>Compose an image</h1>
    <p class="lead">
      An image's name is its contents: pick packages, and pull what you picked. It is built while it is pulled.
    </p>
    <form action="/" method="get" id="compose" role="search">
      <div class="fields">
        <p class="field wide">
          <label for="name">Image</label>
          <input
            id="name"
            name="name"
            value="${state.name}"
            placeholder="shell/git/htop"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            aria-describedby="verdict"
          />
        </p>
        <p class="field">
          <label for="tag">Revision</label>
          <input
            id="tag"
            name="tag"
            value="${state.tag}"
            placeholder="latest"
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
          />
        </p>
      </div>
      ${words(view)} ${imageSection(view)}
      <p class="field">
        <label for="q">Find packages</label>
        <input
          id="q"
          name="q"
          type="search"
          value="${state.query}"
          placeholder="name or description"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
        />
      </p>
      <p class="plain"><button type="submit">Search</button></p>
    </form>
    ${resultSection(view)}`;
}

/** Names that stand for more than a package. */
const WORDS = [
  ['shell', 'a shell', 'bash, coreutils, moreutils and nano'],
  ['builder', 'a build environment', 'a shell, a C compiler, make and what a build needs'],
  ['amd64', '64-bit x86', 'for this platform, whatever else a name stands for'],
  ['arm64', '64-bit ARM', 'for this platform, whatever else a name stands for'],
] as const;

const PLATFORMS: readonly string[] = ['amd64', 'arm64'];

function words({ state }: ComposeView): Html {
  const parts = partsOf(state.name);
  const links = WORDS.map(([word, label, about]) => {
    const isIn = parts.includes(word);
    // A name chooses one platform at most.
    const others = parts.filter((part) => !(PLATFORMS.includes(word) && PLATFORMS.includes(part)));
    const name = isIn ? without(state.name, word) : [word, ...others].join('/');
    return html`<li>
      <a
        class="toggle"
        data-live
        id="word-${word}"
        href="${addressOf({ ...state, name })}"
        title="${about}"
        ${isIn ? html`aria-current="true"` : ''}
        ><span aria-hidden="true">${isIn ? '✓' : '+'}</span>
        ${label}${isIn ? html`<span class="unseen"> (remove)</span>` : ''}</a
      >
    </li>`;
  });
  return html`<ul class="toggles" id="words" aria-label="Sets and platform">
    ${links}
  </ul>`;
}

function imageSection(view: ComposeView): Html {
  return html`<section id="image" aria-label="The image">${verdict(view)}${commandList(view)}</section>`;
}

function verdict(view: ComposeView): Html {
  const { checked, state } = view;
  switch (checked.kind) {
    case 'empty':
      return html`<p id="verdict" class="hint">Type a name, or add packages from below.</p>`;
    case 'invalid':
      return html`<p id="verdict" class="problem" role="status">${checked.message}</p>`;
    case 'name':
      return html`<ul class="parts" id="verdict">
        ${checked.parts.map((part) => html`<li>${partItem(part, state)}</li>`)}
      </ul>`;
    default:
      throw new RangeError(`no such name: ${JSON.stringify(checked satisfies never)}`);
  }
}

function partItem(part: CheckedPart, state: ComposeState): Html {
  const remove = html`<a
    class="remove"
    data-live
    href="${addressOf({ ...state, name: without(state.name, part.part) })}"
    aria-label="Remove ${part.part}"
    >×</a
  >`;
  switch (part.kind) {
    case 'word':
      return html`<span class="part word">${part.part}</span>${remove}`;
    case 'package':
      return html`<span class="part">${part.part}</span> <span class="version">${part.version}</span>${remove}`;
    case 'unlisted':
      return html`<span class="part unlisted" title="not among the packages that are listed">${part.part}</span
        >${remove}`;
    case 'unknown': {
      const others = part.nearMatches.map(
        (name) =>
          html` <a data-live href="${addressOf({ ...state, name: replaced(state.name, part.part, name) })}"
            >${name}</a
          >`,
      );
      return html`<span class="part unknown">${part.part}</span>${remove}
        <span class="problem" role="status"
          >there is no such package${others.length > 0 ? html`; did you mean${others}?` : ''}</span
        >`;
    }
    default:
      throw new RangeError(`no such part: ${JSON.stringify(part satisfies never)}`);
  }
}

function commandList({ commands, checked, state }: ComposeView): Html | undefined {
  if (checked.kind !== 'name') return undefined;
  const [first, ...others] = commands;
  if (first === undefined) return undefined;
  const tag = state.tag === 'latest' ? '' : `?tag=${encodeURIComponent(state.tag)}`;
  return html`<div class="commands">
    <h2>Use it</h2>
    ${commandFigure(first)}
    <div class="others">
      ${others.map(
        (one) =>
          html`<details name="command" id="about-${one.id}">
            <summary>${one.label}</summary>
            ${commandFigure(one)}
          </details>`,
      )}
    </div>
    <p><a href="/images/${checked.name}${tag}">What is in this image?</a></p>
  </div>`;
}

function commandFigure({ id, label, text }: Command): Html {
  return html`<div class="command">
    <pre tabindex="0" aria-label="Command for ${label}"><code id="command-${id}">${text}</code></pre>
    <button type="button" class="copy" data-copy="command-${id}" hidden>
      Copy<span class="unseen"> the command for ${label}</span>
    </button>
  </div>`;
}
