// The rooms of functions/ stand in one row; imports go only to the right.
const rooms = [
  'watch',
  'web',
  'http',
  'answers',
  'access',
  'upkeep',
  'registry',
  'builder',
  'layer',
  'nix',
  'storage',
  'oci',
  'work',
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...rooms.slice(1).map((room, index) => ({
      name: `${room}-imports-only-to-the-right`,
      severity: 'error',
      from: { path: `^functions/${room}/` },
      to: { path: `^functions/(${rooms.slice(0, index + 1).join('|')})/` },
    })),
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
