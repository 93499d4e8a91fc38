import type { ImageAnatomyLayer } from './anatomy.ts';
import { type Html, html } from '../html.ts';
import { bytes, number } from '../words.ts';

const WIDTH = 1000;
const HEIGHT = 40;
/** Less is not to be seen. */
const LEAST_WIDTH = 3;

/** The layers by their sizes, and as a table. @param fresh digests of those that had to be made; undefined where nobody knows */
export function layerPicture(layers: readonly ImageAnatomyLayer[], fresh: ReadonlySet<string> | undefined): Html {
  const total = Math.max(
    1,
    layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  const share = (WIDTH - layers.length * LEAST_WIDTH) / total;
  let x = 0;
  const bars = layers.map((layer) => {
    const width = LEAST_WIDTH + layer.sizeBytes * share;
    const bar = html`<rect
      class="${isFresh(layer, fresh) ? 'fresh' : 'kept'}"
      x="${x.toFixed(1)}"
      y="0"
      width="${(width - 1).toFixed(1)}"
      height="${HEIGHT}"
      ><title>${nameOfLayer(layer, layers)}: ${bytes(layer.sizeBytes)}</title></rect
    >`;
    x += width;
    return bar;
  });
  const freshCount = fresh && layers.filter((layer) => isFresh(layer, fresh)).length;
  return html`<svg
      class="layers"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      aria-label="${layers.length} layers by size"
    >
      ${bars}
    </svg>
    <p class="hint">
      ${number(layers.length)} layers, from the bottom to the
      top.${freshCount !== undefined && html` <span class="swatch kept"></span> ${number(layers.length - freshCount)} were in the store already when the image was made, <span class="swatch fresh"></span> ${number(freshCount)} had to be made.`}
    </p>
    <details>
      <summary>Layers as a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Layers">
        <table>
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Packed</th>
              ${fresh && html`<th scope="col">When made</th>`}
              <th scope="col">Digest</th>
            </tr>
          </thead>
          <tbody>
            ${layers.map(
              (layer) =>
                html`<tr>
                  <th scope="row">${nameOfLayer(layer, layers)}</th>
                  <td class="number">${bytes(layer.sizeBytes)}</td>
                  ${fresh && html`<td>${isFresh(layer, fresh) ? 'new' : 'there'}</td>`}
                  <td><code>${layer.digest.slice(7, 19)}</code></td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
}

function isFresh({ digest }: ImageAnatomyLayer, fresh: ReadonlySet<string> | undefined): boolean {
  return fresh?.has(digest) === true;
}

function nameOfLayer(layer: ImageAnatomyLayer, layers: readonly ImageAnatomyLayer[]): string {
  return layer.storePath ?? (layer === layers.at(-1) ? 'root of the image' : 'small store paths');
}
