// What may import what. The same table stands in docs/architecture.md; layers import rightwards only.
const OF_SRC = {
  eslint: [],
  graph: [],
  inspect: ['graph'],
  nn: ['graph'],
  objectives: ['graph', 'nn'],
  models: ['graph', 'nn'],
  config: [],
  metrics: [],
  train: ['graph', 'nn', 'models', 'objectives', 'config', 'metrics'],
  evaluate: ['graph', 'nn', 'models', 'objectives', 'config', 'metrics', 'train'],
  setup: [],
  statistics: ['setup'],
  compare: ['config', 'metrics', 'train', 'evaluate', 'setup', 'statistics'],
  python: ['graph', 'setup'],
  runs: ['graph', 'inspect', 'config', 'metrics', 'train', 'evaluate', 'setup'],
  sweeps: ['config', 'metrics', 'train', 'runs', 'setup'],
  api: ['config', 'graph', 'models', 'objectives'],
};
const OF_BRIDGE = {
  eslint: [],
  graph: ['protocol'],
  inspect: ['protocol'],
  nn: [],
  objectives: [],
  models: [],
  config: ['protocol'],
  metrics: [],
  train: ['client', 'protocol'],
  evaluate: ['client', 'protocol'],
  setup: ['protocol'],
  statistics: ['protocol'],
  compare: ['protocol'],
  python: ['client', 'protocol'],
  runs: ['client', 'protocol'],
  sweeps: ['protocol'],
  api: ['protocol'],
};

const layers = Object.keys(OF_SRC).map((layer) => {
  const allowed = [
    `^src/${layer}/`,
    ...OF_SRC[layer].map((name) => `^src/${name}/`),
    ...OF_BRIDGE[layer].map((name) => `^bridge/${name}/`),
  ];
  return {
    name: `layer-${layer}`,
    comment: `src/${layer} imports only ${[...OF_SRC[layer], ...OF_BRIDGE[layer].map((n) => `bridge/${n}`)].join(', ') || 'itself'}.`,
    severity: 'error',
    from: { path: `^src/${layer}/` },
    to: { path: '^(src|bridge|test|scripts|bench|examples)/', pathNot: allowed },
  };
});

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'only-known-layers',
      comment: 'A new folder of src needs its line in the table above.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${[...Object.keys(OF_SRC), 'cli'].join('|')})/` },
      to: {},
    },
    {
      name: 'cli-imports-src-and-bridge-only',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts|examples)/' },
    },
    {
      name: 'only-its-command-loads-the-bench',
      comment: 'And that only when it is called: no other command pays for it.',
      severity: 'error',
      from: { path: '^(src|bridge)/', pathNot: '^src/cli/commands/bench[.]ts$' },
      to: { path: '^bench/' },
    },
    {
      name: 'bench-command-loads-the-bench-lazily',
      severity: 'error',
      from: { path: '^src/cli/commands/bench[.]ts$' },
      to: { path: '^bench/', dynamic: false },
    },
    {
      name: 'bench-imports-src-and-bridge-only',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^(src/cli|test|scripts|examples)/' },
    },
    {
      name: 'nothing-imports-the-cli',
      severity: 'error',
      from: { path: '^(src|bridge)/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'bridge-never-imports-src',
      severity: 'error',
      from: { path: '^bridge/' },
      to: { path: '^(src|test|scripts|bench|examples)/' },
    },
    {
      name: 'client-imports-protocol-only',
      severity: 'error',
      from: { path: '^bridge/client/' },
      to: { path: '^bridge/', pathNot: '^bridge/(client|protocol)/' },
    },
    {
      name: 'protocol-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^bridge/protocol/' },
      to: { path: '^bridge/', pathNot: '^bridge/protocol/' },
    },
    {
      name: 'metrics-imports-node-only',
      severity: 'error',
      from: { path: '^src/metrics/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'config-imports-zod-only',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { dependencyTypes: ['npm', 'npm-dev'], pathNot: '^node_modules/zod/' },
    },
    {
      name: 'calls-into-python-stay-off-the-training-path',
      comment: 'They cost a trip per call and a wait of their own: only the public list may name them.',
      severity: 'error',
      from: { path: '^(src|bridge)/', pathNot: '^src/(python/|index[.]ts$)' },
      to: { path: '^src/python/' },
    },
    {
      name: 'pythonia-is-known-in-one-place',
      severity: 'error',
      from: { path: '^(src|bridge)/', pathNot: '^src/python/pythonia[.]ts$' },
      to: { path: 'node_modules/(pythonia|ws)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: '^(src|bridge)/', pathNot: '^bridge/protocol/generate' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'every-import-resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules|\\.venv)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
