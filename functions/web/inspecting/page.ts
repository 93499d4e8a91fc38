import type { SharedParts } from './anatomy.ts';
import type { ImageView } from './view.ts';
import { layerPicture } from './layer-picture.ts';
import { platformsBody } from './platforms.ts';
import { platformText } from '../../oci/platform.ts';
import { type Html, html } from '../html.ts';
import { bytes, number } from '../words.ts';

export interface ImageAddress {
  readonly name: string;
  readonly tag: string;
}

export function imageMain({ name, tag }: ImageAddress, view: ImageView): Html {
  return html` <p class="crumbs"><a href="/?name=${name}${tag === 'latest' ? '' : `&tag=${tag}`}">Compose</a></p>
    <h1>${name}<span class="tag">:${tag}</span></h1>
    ${body({ name, tag }, view)}`;
}

function body(at: ImageAddress, view: ImageView): Html {
  switch (view.kind) {
    case 'refused':
      return html`<p class="problem">${view.message}</p>`;
    case 'not-made':
      return html` <p class="lead">
          This image was not made yet, or is not kept any more. Looking at it here begins nothing.
        </p>
        ${view.problem !== undefined && html`<p class="problem">It could not be made: ${view.problem}</p>`}
        <dl class="facts">
          <div>
            <dt>Revision</dt>
            <dd><code>${view.revision}</code></dd>
          </div>
        </dl>
        ${
          view.isBuilding
            ? html`<p><a class="button" href="/builds/${view.build}">It is being made: watch it</a></p>`
            : html`<form method="post" action="/images/${at.name}?tag=${at.tag}">
                <button class="button" type="submit">Make this image now</button>
              </form>`
        }`;
    case 'made':
      return made(at, view);
    case 'platforms':
      return platformsBody(at.tag, view.platforms);
    default:
      throw new RangeError(`no such view: ${JSON.stringify(view satisfies never)}`);
  }
}

function made({ tag }: ImageAddress, { anatomy, fresh, compared }: Extract<ImageView, { kind: 'made' }>): Html {
  return html` <dl class="facts">
      <div>
        <dt>Size</dt>
        <dd>${bytes(anatomy.packedBytes)} packed, ${bytes(anatomy.unpackedBytes)} unpacked</dd>
      </div>
      <div>
        <dt>Platform</dt>
        <dd>${platformText(anatomy.system)}</dd>
      </div>
      <div>
        <dt>Revision</dt>
        <dd><code>${anatomy.revision}</code></dd>
      </div>
      <div>
        <dt>Digest</dt>
        <dd><code>${anatomy.digest}</code></dd>
      </div>
    </dl>
    <h2>Layers</h2>
    ${layerPicture(anatomy.layers, fresh)}
    <h2>Packages</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Packages">
      <table>
        <thead>
          <tr>
            <th scope="col">Package</th>
            <th scope="col">Version</th>
            <th scope="col">Store paths</th>
            <th scope="col">With all it needs</th>
          </tr>
        </thead>
        <tbody>
          ${anatomy.packages.map(
            (one) =>
              html`<tr>
                <th scope="row">${one.attribute}${!one.isAsked && html` <span class="hint">in every image</span>`}</th>
                <td>${one.version ?? ''}</td>
                <td class="number">${number(one.closurePaths)}</td>
                <td class="number">${bytes(one.closureBytes)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <details>
      <summary>All ${number(anatomy.storePaths.length)} store paths</summary>
      <ol class="paths">
        ${anatomy.storePaths.map(({ name, sizeBytes }) => html`<li><code>${name}</code> <span class="size">${bytes(sizeBytes)}</span></li>`)}
      </ol>
    </details>
    <h2>Compare</h2>
    <form method="get" class="inline">
      ${tag !== 'latest' && html`<input type="hidden" name="tag" value="${tag}" />`}
      <p class="field">
        <label for="with">What it shares with another image</label>
        <input
          id="with"
          name="with"
          value="${compared?.name}"
          placeholder="shell/git"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
        />
      </p>
      <p><button type="submit">Compare</button></p>
    </form>
    ${compared && comparison(compared)}`;
}

function comparison({ name, result }: { readonly name: string; readonly result: SharedParts | undefined }): Html {
  if (result === undefined)
    return html`<p class="problem">${name} was not made at this revision, so there is nothing to compare.</p>`;
  const { layers, layerBytes, storePaths, storePathBytes } = result;
  return html`<p>
    With <a href="/images/${name}">${name}</a> it shares ${number(layers)} ${layers === 1 ? 'layer' : 'layers'}
    (${bytes(layerBytes)} packed, which a client that has the other does not download again) and ${number(storePaths)}
    store paths (${bytes(storePathBytes)} unpacked).
  </p>`;
}
