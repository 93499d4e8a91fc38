import type { ImageAnatomy } from './anatomy.ts';
import { sharedParts } from './anatomy.ts';
import { type Html, html } from '../html.ts';
import { bytes, number } from '../words.ts';
import type { PlatformView } from './view.ts';

/** What is in one of two images and not, or in another version, in the other. */
export interface DifferingPackage {
  readonly attribute: string;
  /** By platform; undefined where it is not there, null where it does not say. */
  readonly versions: Readonly<Record<string, string | null | undefined>>;
}

/** The packages in which the images of several platforms differ. Pure. */
export function differingPackages(platforms: readonly PlatformView[]): readonly DifferingPackage[] {
  const made = platforms.flatMap(({ platform, view }) => (view.kind === 'made' ? [{ platform, ...view.anatomy }] : []));
  if (made.length < 2) return [];
  const attributes = new Set(made.flatMap(({ packages }) => packages.map(({ attribute }) => attribute)));
  return [...attributes].sort().flatMap((attribute) => {
    const found = made.map((one) => one.packages.find((its) => its.attribute === attribute)?.version);
    if (found.every((version) => version === found[0])) return [];
    return [{ attribute, versions: Object.fromEntries(made.map(({ platform }, index) => [platform, found[index]])) }];
  });
}

export function platformsBody(tag: string, platforms: readonly PlatformView[]): Html {
  const query = tag === 'latest' ? '' : `?tag=${encodeURIComponent(tag)}`;
  return html` <p class="lead">This name stands for an image for each platform; a client pulls its own.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Platforms">
      <table>
        <thead>
          <tr>
            <th scope="col">Platform</th>
            <th scope="col">Packed</th>
            <th scope="col">Unpacked</th>
            <th scope="col">Layers</th>
            <th scope="col">Image</th>
          </tr>
        </thead>
        <tbody>
          ${platforms.map(({ platform, name, view }) => {
            const link = html`<a href="/images/${name}${query}">${name}</a>`;
            return view.kind === 'made'
              ? html`<tr>
                  <th scope="row">${platform}</th>
                  <td class="number">${bytes(view.anatomy.packedBytes)}</td>
                  <td class="number">${bytes(view.anatomy.unpackedBytes)}</td>
                  <td class="number">${number(view.anatomy.layers.length)}</td>
                  <td>${link}</td>
                </tr>`
              : html`<tr>
                  <th scope="row">${platform}</th>
                  <td colspan="3">${stateOf(view)}</td>
                  <td>${link}</td>
                </tr>`;
          })}
        </tbody>
      </table>
    </div>
    ${differences(platforms)}`;
}

function stateOf(view: Exclude<PlatformView['view'], { kind: 'made' }>): Html {
  if (view.kind === 'refused') return html`<span class="problem">${view.message}</span>`;
  if (view.isBuilding) return html`<a href="/builds/${view.build}">being made</a>`;
  return view.problem === undefined
    ? html`not made yet`
    : html`<span class="problem">not to be had: ${view.problem}</span>`;
}

function differences(platforms: readonly PlatformView[]): Html | undefined {
  const [one, other] = platforms.flatMap(({ view }): ImageAnatomy[] => (view.kind === 'made' ? [view.anatomy] : []));
  if (one === undefined || other === undefined) return undefined;
  const { layers, layerBytes } = sharedParts(one, other);
  const differing = differingPackages(platforms);
  return html`<h2>What differs</h2>
    <p>They have ${number(layers)} ${layers === 1 ? 'layer' : 'layers'} in common (${bytes(layerBytes)} packed).</p>
    ${
      differing.length === 0
        ? html`<p>They hold the same packages in the same versions.</p>`
        : html`<ul>
            ${differing.map(
              ({ attribute, versions }) =>
                html`<li>
                  ${attribute}:
                  ${Object.entries(versions)
                    .map(
                      ([platform, version]) =>
                        `${version === undefined ? 'none' : (version ?? 'no version')} (${platform})`,
                    )
                    .join(', ')}
                </li>`,
            )}
          </ul>`
    }`;
}
