import type { Pages } from '../answers/page.ts';
import type { PageWorld } from '../web/page-world.ts';

/**
 * The pages, which are loaded when somebody first looks at one: a registry that is only pulled from never does.
 *
 * @param folder of files in the place of the first page
 */
export function composePages(world: PageWorld, folder: string | undefined): Pages {
  let loading: Promise<Pages> | undefined;

  async function load(): Promise<Pages> {
    const { webPages } = await import('../web/pages.ts');
    if (folder === undefined) return webPages(world);
    const { staticFiles } = await import('../web/static-files.ts');
    return webPages({ ...world, files: staticFiles(folder) });
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
