import { anatomyOf, type ImageAnatomy, sharedParts } from './anatomy.ts';
import { parseImageName, requestsOf } from '../../builder/image-request.ts';
import type { LookedUpImage } from '../../builder/image-builder.ts';
import type { PinOptions } from '../../builder/pins.ts';
import { retryAfter } from '../retry-after.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { isOver } from '../build-page.ts';
import type { Html } from '../html.ts';
import { type ImageAddress, imageMain, type ImageView } from './page.ts';
import type { PageWorld } from '../page-world.ts';

/** What a look into an image shows. */
export interface LookedInto {
  readonly status: number;
  readonly at: ImageAddress;
  readonly view: ImageView;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Looks into images, and begins nothing. */
export interface Inspecting {
  look(name: string, query: URLSearchParams, options?: PinOptions): Promise<LookedInto>;
  /** The same as a page. */
  page(
    name: string,
    query: URLSearchParams,
    options?: PinOptions,
  ): Promise<Omit<LookedInto, 'view'> & { readonly main: Html }>;
}

const MAX_SHOWN_CHARACTERS = 255;

export function inspecting({
  images,
  builds,
  store,
  systems,
}: Pick<PageWorld, 'images' | 'builds' | 'store' | 'systems'>): Inspecting {
  function lookUp(name: string, tag: string, options?: PinOptions): Promise<LookedUpImage> | { message: string } {
    const repository = parseRepositoryName(name);
    if (repository === undefined) return { message: 'This is not the name of an image.' };
    if (parseTag(tag) === undefined) return { message: 'This is not a tag.' };
    const parsed = parseImageName(repository, systems);
    return parsed.kind === 'invalid' ? parsed : images.look(requestsOf(parsed.request)[0], tag, options);
  }

  async function compare(anatomy: ImageAnatomy, name: string, tag: string, options?: PinOptions) {
    const other = await lookUp(name, tag, options);
    if (!('kind' in other) || other.kind !== 'made') return { name, result: undefined };
    return { name, result: sharedParts(anatomy, await anatomyOf(store, other.record, options)) };
  }

  const inspected: Inspecting = {
    async page(name, query, options) {
      const { view, ...seen } = await inspected.look(name, query, options);
      return { ...seen, main: imageMain(seen.at, view) };
    },
    async look(nameText, query, options) {
      const tag = (query.get('tag') ?? '').slice(0, MAX_SHOWN_CHARACTERS) || 'latest';
      const at = { name: nameText.slice(0, MAX_SHOWN_CHARACTERS), tag };
      const found = await lookUp(nameText, tag, options);
      if (!('kind' in found)) return { status: 400, at, view: { kind: 'refused', message: found.message } };
      switch (found.kind) {
        case 'denied':
          return { status: 403, at, view: { kind: 'refused', message: found.message } };
        case 'reference-unknown':
          return { status: 404, at, view: { kind: 'refused', message: found.message } };
        case 'busy':
          return { status: 429, at, view: { kind: 'refused', message: found.message }, headers: retryAfter(found) };
        case 'not-made': {
          const build = await builds.find(found.build, options);
          const isBuilding = build !== undefined && !isOver(build.summary);
          return { status: 404, at, view: { ...found, isBuilding } };
        }
        case 'made': {
          const anatomy = await anatomyOf(store, found.record, options);
          const other = query.get('with')?.trim().slice(0, MAX_SHOWN_CHARACTERS) ?? '';
          const compared = other === '' ? undefined : await compare(anatomy, other, tag, options);
          const fresh = found.record.fresh && new Set<string>(found.record.fresh);
          return { status: 200, at, view: { kind: 'made', anatomy, fresh, compared } };
        }
        default:
          throw new RangeError(`no such image: ${JSON.stringify(found satisfies never)}`);
      }
    },
  };
  return inspected;
}
