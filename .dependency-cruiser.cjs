const { readdirSync } = require('node:fs');

const row = (names) => names.trim().split(/\s+/);

// The rooms of functions/ stand in one row; imports go only to the right.
const rooms = row('watch web http answers access upkeep registry builder layer nix storage oci concurrency');
// So do, in a room that has rooms within, those and its own files. Who enters a room within does so by the file of its name.
const within = {
  web: row(`
    pages static-files api starting-builds composing inspecting events build-page layout asset log-line words html
    page-world retry-after
  `),
  builder: row(`
    platforms image-builder package-index idle attempts pins make packages images revisions failures builds try-later outcome image-root
    image-request image build-record package-search package-record package-query package-policy
  `),
  layer: row(`
    image-layers pack root-layer join packed-path threads inflate-members popularity plan root frame compressors
    thread-work compressor compressor-error root-node place source tar tree-schema tree
  `),
  nix: row(`
    list-packages realise resolve ahead closure evaluate later-call room nix git folder-source cgroups process
    process-error build-room cgroup source store-path expressions folder-revision near-matches process-user
    without-passwords
  `),
  storage: row(`
    gcs folder memory recorded-blob publish-blob leases condemn-blob known-blobs record remembered-records record-proof
    url-signer blob-store read-pieces object-key
  `),
};
/** Files of one folder, beside the rooms within it. */
const MAX_FILES = 14;

for (const room of readdirSync('functions', { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  const entries = readdirSync(`functions/${room.name}`, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== 'assets');
  const files = entries.filter(({ name }) => name.endsWith('.ts'));
  if (files.length > MAX_FILES)
    throw new Error(`functions/${room.name} has ${files.length} files: make rooms within it`);
  if (folders.length === 0) continue;
  const there = [...folders, ...files].map(({ name }) => name.replace(/\.ts$/, '')).sort();
  const listed = (within[room.name] ?? []).toSorted();
  const wrong = [...there, ...listed].filter((name) => !(there.includes(name) && listed.includes(name)));
  if (wrong.length > 0)
    throw new Error(`functions/${room.name} and its row in .dependency-cruiser.cjs differ in ${wrong}`);
}

/** Rules that imports among these go to the right. */
const inOneRow = (folder, row, end) =>
  row.slice(1).map((name, index) => ({
    name: `${folder}${name}-imports-only-to-the-right`,
    severity: 'error',
    from: { path: `^functions/${folder}${name}${end}` },
    to: { path: `^functions/${folder}(?:${row.slice(0, index + 1).join('|')})${end}` },
  }));

const WITHIN = '^functions/[^/]+/[^/]+/[^/]+[.]ts$';
/** By the file of its name. */
const ENTERED = '^functions/[^/]+/([^/]+)/\\1[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...inOneRow('', rooms, '/'),
    ...Object.entries(within).flatMap(([room, row]) => inOneRow(`${room}/`, row, '(?:/|[.]ts$)')),
    {
      name: 'a-room-within-has-one-door',
      comment: 'From elsewhere a room within a room is entered by the file that has its name.',
      severity: 'error',
      from: { path: '^functions/([^/]+/[^/]+)/' },
      to: { path: WITHIN, pathNot: `^functions/$1/|${ENTERED}` },
    },
    {
      name: 'a-room-within-has-one-door-for-all',
      severity: 'error',
      from: { path: '^(?:functions|infra|nix)/', pathNot: WITHIN },
      to: { path: WITHIN, pathNot: ENTERED },
    },
    {
      name: 'only-roots-compose',
      comment: 'Configuration and composing are for the composition roots: index.ts, and the commands.',
      severity: 'error',
      from: {
        path: '^functions/',
        pathNot: '^functions/((index|operator-error)\\.ts$|(commands|compose|config)/)',
      },
      to: { path: '^functions/index\\.ts$|^functions/(commands|compose|config)/' },
    },
    {
      name: 'nobody-imports-index',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^functions/index\\.ts$' },
    },
    {
      name: 'functions-need-no-tests',
      severity: 'error',
      from: { path: '^(functions|infra|nix)/' },
      to: { path: '^test/' },
    },
    {
      name: 'only-rolling-out-is-infra',
      severity: 'error',
      from: { path: '^(functions|nix)/' },
      to: { path: '^infra/' },
    },
    {
      name: 'only-declared-packages',
      severity: 'error',
      from: { path: '^functions/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'unknown', 'undetermined'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '^\\.data/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
