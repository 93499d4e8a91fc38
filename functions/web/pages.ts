import type { Answer } from '../answers/answer.ts';
import type { Pages } from '../answers/page.ts';
import { api } from './api.ts';
import { ASSET_PREFIX, readAssets } from './asset.ts';
import { buildMain, buildsMain, buildTitle, isOver } from './build-page.ts';
import { composing } from './composing/composing.ts';
import { buildEvents } from './events.ts';
import { html } from './html.ts';
import { inspecting } from './inspecting/inspecting.ts';
import { type Page, pageAnswer } from './layout.ts';
import type { PageWorld } from './page-world.ts';
import { startingBuilds } from './starting-builds.ts';

const BUILD_ID = /^[0-9a-f]{64}$/;
/** How often a browser without script looks again at what goes on. */
const REFRESH_SECONDS = 5;

/**
 * All that lies outside of /v2/, for who may pull.
 *
 * @throws Error of the file system when the pages' own files are not there
 */
export async function webPages(world: PageWorld): Promise<Pages> {
  const { builds, nowMs = Date.now } = world;
  const assets = await readAssets();
  const compose = composing(world);
  const inspect = inspecting(world);
  const start = startingBuilds(world);
  const json = api({ builds, compose, inspect, start, events: buildEvents(builds) });
  const show = (page: Page): Answer => pageAnswer(assets, page);

  function notFound(message: string): Answer {
    return show({
      title: 'Not here · nixery-run',
      status: 404,
      main: html`<h1>Nothing is here</h1>
        <p>${message}</p>
        <p><a href="/">Compose an image</a></p>`,
    });
  }

  async function buildPage(id: string, user: string | undefined, signal: AbortSignal): Promise<Answer> {
    const build = BUILD_ID.test(id) ? await builds.find(id, { signal }) : undefined;
    if (build === undefined) {
      return notFound(
        'There is no such build, or it is too long ago. Builds that took less than a second are known to the instance alone that made them.',
      );
    }
    const refreshSeconds = isOver(build.summary) ? undefined : REFRESH_SECONDS;
    return show({
      title: buildTitle(build.summary),
      at: 'builds',
      main: buildMain(build, user, nowMs()),
      refreshSeconds,
    });
  }

  return async (request) => {
    const { method, path, query, user, signal, lookUps } = request;
    const name = /^\/images\/(.+)$/.exec(path)?.[1];
    if (method === 'POST' && name !== undefined) return start.answer(name, request);
    if (path === '/api' || path.startsWith('/api/')) return json(request);
    if (method !== 'GET' && method !== 'HEAD') {
      return { ...notFound('Pages are for GET and HEAD.'), status: 405 };
    }
    if (path.startsWith(ASSET_PREFIX)) return assets.answer(path) ?? notFound('There is no such file.');
    if (path === '/metrics' && world.metrics !== undefined) return world.metrics();
    if (path === '/builds') {
      const recent = await builds.recent({ signal });
      return show({ title: 'Builds · nixery-run', at: 'builds', main: buildsMain(recent, user, nowMs()) });
    }
    const build = /^\/builds\/([^/]+)$/.exec(path)?.[1];
    if (build !== undefined) return buildPage(build, user, signal);
    if (name !== undefined) {
      const { at, ...page } = await inspect.page(name, query, { signal, lookUps });
      return show({ ...page, title: `${at.name} · nixery-run`, at: 'compose' });
    }
    if (world.files !== undefined) return world.files(request);
    if (path === '/') {
      const { name: composed, main } = await compose.page(query, request.origin, { signal, lookUps });
      const title = composed === '' ? 'nixery-run' : `${composed} · nixery-run`;
      return show({ title, at: 'compose', main });
    }
    return notFound('The registry itself is at /v2/.');
  };
}
