import type { Plugin } from 'esbuild';

/** Modules of Node's own that cost much at a start which does not need them, and how to have them for less. */
const CHEAPER: Readonly<Record<string, string>> = {
  // As CommonJS does: an import looks at every property, and those for WebSockets load a whole client.
  http: "module.exports = process.getBuiltinModule('http');",
  // The framework's, to put requests into domains, which it never gets (http/before-framework.ts). As it is loaded Node makes
  // a stack trace, and for that reads the whole source map.
  domain: "exports.create = () => process.getBuiltinModule('domain').create();",
};

export const builtinModules: Plugin = {
  name: 'builtin-modules',
  setup(build) {
    const left = new Set(Object.keys(CHEAPER));
    build.onResolve({ filter: /^(?:node:)?(?:http|domain)$/ }, ({ path }) => {
      const name = path.replace(/^node:/, '');
      left.delete(name);
      return { path: name, namespace: 'builtin-modules' };
    });
    build.onLoad({ filter: /.*/, namespace: 'builtin-modules' }, ({ path }) => ({ contents: CHEAPER[path] ?? '' }));
    build.onEnd(() => ({ errors: Array.from(left, (name) => ({ text: `nothing takes ${name} any more` })) }));
  },
};
