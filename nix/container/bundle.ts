/**
 * Makes what is ours in the container: `node nix/container/bundle.ts [FOLDER]`, `dist` unless a folder is given.
 * Afterwards `FOLDER/functions/index.mjs` is the program, functions-framework included, with what it loads later, the bundles
 * of its threads and source maps beside it; `FOLDER/node_modules` has the native code that cannot be in a bundle, and
 * `FOLDER/nix` the Nix expressions.
 */
import { cp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { builtinModules } from './builtin-modules.ts';
import { leftOut } from './left-out.ts';
import { ownSourceMaps } from './own-source-maps.ts';
import { workerEntries } from './worker-entries.ts';

const project = resolve(import.meta.dirname, '..', '..');
const target = resolve(process.argv[2] ?? join(project, 'dist'));
const output = join(target, 'functions');

/** Native code, and what finds it. */
const koffi = [
  ...[
    'koffi/package.json',
    'koffi/LICENSE.txt',
    'koffi/index.js',
    'koffi/src/koffi/index.js',
    'koffi/src/koffi/src/static.js',
  ],
  ...['package.json', 'index.js', 'linux_x64'].map((file) => `@koromix/koffi-linux-x64/${file}`),
];
const expressions = ['load.nix', 'resolve.nix', 'explain.nix', 'list.nix'];

/** By path: the framework exports its start to nobody. It comes last, and finds the function registered. */
const start = `
import './functions/index.ts';
import './node_modules/@google-cloud/functions-framework/build/src/main.js';
`;

const common: BuildOptions = {
  absWorkingDir: project,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  external: ['koffi'],
  sourcemap: true,
  sourcesContent: false,
  // Names as well: a third less to read at each start. The source map has ours.
  minify: true,
  logLevel: 'warning',
  // What was written for CommonJS asks for Node's own modules with it.
  banner: { js: "const require = process.getBuiltinModule('module').createRequire(import.meta.url);" },
};

const threads = new Set<string>();
await rm(target, { recursive: true, force: true });
await build({
  ...common,
  stdin: { contents: start, resolveDir: project, sourcefile: 'start.ts' },
  outdir: output,
  entryNames: 'index',
  outExtension: { '.js': '.mjs' },
  // What is imported late is in files of its own, and is not even read before.
  splitting: true,
  plugins: [builtinModules, leftOut, ownSourceMaps, workerEntries((path) => threads.add(path))],
});
await build({
  ...common,
  plugins: [ownSourceMaps],
  entryPoints: [...threads],
  outdir: output,
  outExtension: { '.js': '.mjs' },
});
for (const file of koffi) {
  await cp(join(project, 'node_modules', file), join(target, 'node_modules', file), { recursive: true });
}
// The pages' own files are looked for beside the program.
for (const file of ['style.css', 'page.js', 'favicon.svg']) {
  await cp(join(project, 'functions', 'web', 'assets', file), join(output, 'assets', file));
}
for (const file of expressions) await cp(join(project, 'nix', file), join(target, 'nix', file));
