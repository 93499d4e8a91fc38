import type { Pages } from './http/page.ts';
import type { PageWorld } from './web/page-world.ts';

/** The pages, which are loaded when somebody first looks at one: a registry that is only pulled from never does. */
export function composePages(world: PageWorld): Pages {
  let loading: Promise<Pages> | undefined;

  async function load(): Promise<Pages> {
    const { webPages } = await import('./web/pages.ts');
    return webPages(world);
  }

  return async (request) => {
    loading ??= load().catch((error: unknown) => {
      // The next request tries again.
      loading = undefined;
      throw error;
    });
    return (await loading)(request);
  };
}
