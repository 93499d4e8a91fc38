import { anatomyOf, type ImageAnatomy, sharedParts } from './anatomy.ts';
import { type ImageRequest, type NameRequest, parseImageName, requestsOf } from '../../builder/image-request.ts';
import { architectureOf, platformText } from '../../oci/platform.ts';
import type { PinOptions } from '../../builder/pins.ts';
import { retryAfter } from '../retry-after.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { isOver } from '../build-page.ts';
import type { Html } from '../html.ts';
import { type ImageAddress, imageMain } from './page.ts';
import type { ImageView } from './view.ts';
import type { PageWorld } from '../page-world.ts';

export { differingPackages } from './platforms.ts';

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
  function parse(name: string, tag: string): { readonly request: NameRequest } | { readonly message: string } {
    const repository = parseRepositoryName(name);
    if (repository === undefined) return { message: 'This is not the name of an image.' };
    if (parseTag(tag) === undefined) return { message: 'This is not a tag.' };
    return parseImageName(repository, systems);
  }

  async function compare(anatomy: ImageAnatomy, { name, tag }: ImageAddress, options?: PinOptions) {
    const parsed = parse(name, tag);
    if (!('request' in parsed)) return { name, result: undefined };
    // Of a name for several platforms, the image of the same.
    const { attributes } = parsed.request;
    const request =
      parsed.request.systems.length > 1 ? { attributes, system: anatomy.system } : requestsOf(parsed.request)[0];
    const other = await images.look(request, tag, options);
    if (other.kind !== 'made') return { name, result: undefined };
    return { name, result: sharedParts(anatomy, await anatomyOf(store, other.record, options)) };
  }

  async function lookAt(request: ImageRequest, at: ImageAddress, query: URLSearchParams, options?: PinOptions) {
    const found = await images.look(request, at.tag, options);
    switch (found.kind) {
      case 'denied':
        return { status: 403, view: { kind: 'refused', message: found.message } } as const;
      case 'reference-unknown':
        return { status: 404, view: { kind: 'refused', message: found.message } } as const;
      case 'busy':
        return { status: 429, view: { kind: 'refused', message: found.message }, headers: retryAfter(found) } as const;
      case 'not-made': {
        const build = await builds.find(found.build, options);
        const isBuilding = build !== undefined && !isOver(build.summary);
        const problem = build?.summary.state === 'failed' ? build.summary.message : undefined;
        return { status: 404, view: { ...found, isBuilding, ...(problem !== undefined && { problem }) } };
      }
      case 'made': {
        const anatomy = await anatomyOf(store, found.record, options);
        const other = query.get('with')?.trim().slice(0, MAX_SHOWN_CHARACTERS) ?? '';
        const compared = other === '' ? undefined : await compare(anatomy, { name: other, tag: at.tag }, options);
        const fresh = found.record.fresh && new Set<string>(found.record.fresh);
        return { status: 200, view: { kind: 'made', anatomy, fresh, compared } } as const;
      }
      default:
        throw new RangeError(`no such image: ${JSON.stringify(found satisfies never)}`);
    }
  }

  const inspected: Inspecting = {
    async page(name, query, options) {
      const { view, ...seen } = await inspected.look(name, query, options);
      return { ...seen, main: imageMain(seen.at, view) };
    },
    async look(nameText, query, options) {
      const tag = (query.get('tag') ?? '').slice(0, MAX_SHOWN_CHARACTERS) || 'latest';
      const at = { name: nameText.slice(0, MAX_SHOWN_CHARACTERS), tag };
      const parsed = parse(nameText, tag);
      if (!('request' in parsed)) return { status: 400, at, view: { kind: 'refused', message: parsed.message } };
      const [first, ...others] = requestsOf(parsed.request);
      if (others.length === 0) return { at, ...(await lookAt(first, at, query, options)) };
      const looked = await Promise.all(
        [first, ...others].map(async (request) => ({
          ...{ platform: platformText(request.system), name: `${architectureOf(request.system)}/${at.name}` },
          ...(await lookAt(request, at, query, options)),
        })),
      );
      // As of a pull, that gets what there is.
      const status = Math.min(...looked.map((one) => one.status));
      return { status, at, view: { kind: 'platforms', platforms: looked } };
    },
  };
  return inspected;
}
