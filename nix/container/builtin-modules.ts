import { builtinModules as names } from 'node:module';
import type { Plugin } from 'esbuild';

/** What stands in for a module of Node's own that would cost much at a start which does not need it. */
const CHEAPER: Readonly<Record<string, string>> = {
  // The framework's, to put requests into domains, which it never gets (http/before-framework.ts). As it is loaded Node makes
  // a stack trace, and for that reads the whole source map.
  domain: "exports.create = () => process.getBuiltinModule('domain').create();",
};

/**
 * Has Node's own modules as CommonJS has them. An import looks at every property of such a module, also at those that load
 * others as they are read: a client for WebSockets (`http`), colours and a differ (`util`), standard input (`process`).
 */
export const builtinModules: Plugin = {
  name: 'builtin-modules',
  setup(build) {
    const builtin = new Set(names);
    const left = new Set(Object.keys(CHEAPER));
    build.onResolve({ filter: /^(?:node:)?[a-z_/]+$/ }, ({ path, importer }) => {
      const name = path.replace(/^node:/, '');
      if (!builtin.has(name)) return undefined;
      left.delete(name);
      // One for each file that asks: what many share would be in many small files, and each file costs.
      return { path: `${name} for ${importer}`, namespace: 'builtin-modules', pluginData: name };
    });
    build.onLoad({ filter: /.*/, namespace: 'builtin-modules' }, ({ pluginData }) => ({
      contents: CHEAPER[pluginData as string] ?? `module.exports = process.getBuiltinModule('${String(pluginData)}');`,
    }));
    build.onEnd(() => ({ errors: Array.from(left, (name) => ({ text: `nothing takes ${name} any more` })) }));
  },
};
