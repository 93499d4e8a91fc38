import type { Plugin } from 'esbuild';

/** What a package would load at each start, or bring along, though nothing here uses it; and what stands in for it. */
const LEFT_OUT: readonly { readonly filter: RegExp; readonly contents: string }[] = [
  // The framework's tables to decode bodies of requests, which are never read (http/before-framework.ts).
  { filter: /\/iconv-lite\/lib\/index\.js$/, contents: 'module.exports = {};' },
  // Its list of all types of files, to look at bodies and to serve files: the same. These are the ones that it names itself.
  {
    filter: /\/mime-db\/db\.json$/,
    contents: `module.exports = {
      'application/json': { source: 'iana', charset: 'UTF-8', extensions: ['json'] },
      'application/octet-stream': { source: 'iana', extensions: ['bin'] },
      'application/x-www-form-urlencoded': { source: 'iana' },
      'text/html': { source: 'iana', extensions: ['html'] },
      'text/plain': { source: 'iana', extensions: ['txt'] },
    };`,
  },
  // Messages in other languages than the default.
  { filter: /\/zod\/v4\/locales\/index\.js$/, contents: "export { default as en } from './en.js';" },
  // Who called the log's library, which it wants to know for transports alone. To find that out, Node reads the source map.
  { filter: /\/pino\/lib\/caller\.js$/, contents: 'module.exports = () => [];' },
];

/** Leaves a third of the bundle out. The build fails when a file to leave out is not there any more. */
export const leftOut: Plugin = {
  name: 'left-out',
  setup(build) {
    const left = new Set(LEFT_OUT);
    for (const one of LEFT_OUT) {
      build.onLoad({ filter: one.filter }, () => {
        left.delete(one);
        return { contents: one.contents, loader: 'js' };
      });
    }
    build.onEnd(() => ({ errors: Array.from(left, ({ filter }) => ({ text: `no package has ${String(filter)}` })) }));
  },
};
