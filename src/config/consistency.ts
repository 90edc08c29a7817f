/** Requirements that concern two keys at once. */
import type { CoreConfig } from './core-schema.ts';
import type { Fault } from './fault.ts';
import { GAMES, MODE_GAMES } from './games.ts';
import { LAST_LEVEL, type Config } from './schema.ts';

/** What is wrong, without the full stop, and the keys that can mend it. */
interface Conflict {
  readonly text: string;
  readonly keys: readonly string[];
}

/**
 * @param sourceOf tells who set a key.
 * @param ownParts names the parts that a script brings itself: what the config says of them is not used.
 */
export function checkTogether(
  config: Config,
  sourceOf: (key: string) => string,
  ownParts: readonly string[],
): Fault[] {
  const ownModel = ownParts.includes('policy') || ownParts.includes('encoder');
  const model = ownModel ? [] : modelFaults(config);
  const ownCore = ownParts.includes('policy') || ownParts.includes('core');
  const conflicts = [
    ...batchFaults(config),
    ...burnInFaults(config, ownCore),
    ...popArtFaults(config, ownParts),
    ...curriculumFaults(config, ownParts),
    ...precisionFaults(config),
    ...model,
    ...gameConflicts(config),
    ...levelConflicts(config),
  ];
  return faultsOf(conflicts, sourceOf);
}

/** Requirements of an environment section by itself. */
export function gameFaults(config: Pick<Config, 'environment'>, sourceOf: (key: string) => string): Fault[] {
  return faultsOf([...gameConflicts(config)], sourceOf);
}

/** Requirements of a core's section by itself. */
export function coreFaults(core: CoreConfig, sourceOf: (key: string) => string): Fault[] {
  return faultsOf([...coreConflicts(core)], sourceOf);
}

function faultsOf(conflicts: readonly Conflict[], sourceOf: (key: string) => string): Fault[] {
  return conflicts.map(({ text, keys }) => {
    const places = keys.map((key) => (keys.length === 1 ? '' : `${key} `) + `set by ${sourceOf(key)}`);
    return { code: 'CONFIG_INVALID', text: `${text} (${places.join(', ')}).` };
  });
}

/** The columns that wait for a batch to be full move at every unroll: behind so many that is a mistake. */
const MOST_UNROLLS_OF_A_BATCH = 64;

function* batchFaults({ algorithm, train, environment }: Config): Iterable<Conflict> {
  const { batchSize, unrollLength, totalEnvSteps } = train;
  const { numEnvs } = environment;
  if (algorithm.kind === 'ppo') {
    if (numEnvs % batchSize === 0) return;
    yield {
      text: `environment.numEnvs must be a multiple of train.batchSize (${batchSize}), got ${numEnvs}`,
      keys: ['environment.numEnvs', 'train.batchSize'],
    };
    return;
  }
  const most = MOST_UNROLLS_OF_A_BATCH * numEnvs;
  const collected = Math.ceil(totalEnvSteps / (numEnvs * unrollLength)) * numEnvs;
  if (batchSize > most) {
    yield {
      text: `train.batchSize must be at most the columns of ${MOST_UNROLLS_OF_A_BATCH} unrolls (${most}), got ${batchSize}`,
      keys: ['train.batchSize', 'environment.numEnvs'],
    };
  } else if (batchSize > collected) {
    yield {
      text: `train.batchSize must be at most the columns of the whole run (${collected}), or it learns nothing, got ${batchSize}`,
      keys: ['train.batchSize', 'train.totalEnvSteps', 'train.unrollLength', 'environment.numEnvs'],
    };
  }
}

/** Cores that remember nothing. */
const STATELESS: readonly string[] = ['feed_forward', 'deep_feed_forward', 'fake_sr'];

function* burnInFaults({ train, model }: Config, ownCore: boolean): Iterable<Conflict> {
  if (train.burnIn >= train.unrollLength) {
    yield {
      text: `train.burnIn must leave steps of train.unrollLength (${train.unrollLength}) to learn from, got ${train.burnIn}`,
      keys: ['train.burnIn', 'train.unrollLength'],
    };
  }
  if (train.burnIn > 0 && !ownCore && STATELESS.includes(model.core.kind)) {
    yield {
      text: `train.burnIn must be 0 for model.core.kind ${model.core.kind}, which has no state to warm up, got ${train.burnIn}`,
      keys: ['train.burnIn', 'model.core.kind'],
    };
  }
}

function* precisionFaults({ hardware }: Config): Iterable<Conflict> {
  if (hardware.precision !== 'tf32' || hardware.device !== 'cpu') return;
  yield {
    text: 'hardware.precision tf32 is how NVIDIA GPUs multiply, and must be float32 or bfloat16 for hardware.device cpu',
    keys: ['hardware.precision', 'hardware.device'],
  };
}

function* popArtFaults({ algorithm }: Config, ownParts: readonly string[]): Iterable<Conflict> {
  if (algorithm.kind !== 'impala' || algorithm.valueScale.kind === 'none') return;
  const { minScale, maxScale } = algorithm.valueScale;
  if (minScale > maxScale) {
    yield {
      text: `algorithm.valueScale.minScale must be at most maxScale (${maxScale}), got ${minScale}`,
      keys: ['algorithm.valueScale.minScale', 'algorithm.valueScale.maxScale'],
    };
  }
  const taken = ownParts.filter((part) => part === 'loss' || part === 'gradients');
  if (taken.length > 0) {
    yield {
      text: `algorithm.valueScale popart is a part of impala's own loss and gradients, and goes without parts of yours for them, got ${taken.join(', ')}`,
      keys: ['algorithm.valueScale.kind'],
    };
  }
}

/** Scores of levels are made of values, which under PopArt are in units of their own. */
function* curriculumFaults({ algorithm, train }: Config, ownParts: readonly string[]): Iterable<Conflict> {
  if (!ownParts.includes('curriculum')) return;
  if (train.lanes === 'overlapped') {
    yield {
      text: 'train.lanes must be synchronous with a curriculum, which chooses levels from what the last unroll came to, got overlapped',
      keys: ['train.lanes'],
    };
  }
  if (algorithm.kind !== 'impala') return;
  if (algorithm.valueScale.kind === 'none') return;
  yield {
    text: 'algorithm.valueScale.kind must be none with a curriculum, whose scores are in the units of rewards, got popart',
    keys: ['algorithm.valueScale.kind'],
  };
}

function* modelFaults({ model, environment }: Config): Iterable<Conflict> {
  const { core, encoder } = model;
  yield* coreConflicts(core);
  if (encoder.kind !== 'mlp' && environment.kind === 'recall') {
    yield {
      text: `model.encoder.kind must be mlp for environment.kind recall, whose observations are no images, got ${encoder.kind}`,
      keys: ['model.encoder.kind', 'environment.kind'],
    };
  }
  const side =
    encoder.kind === 'patch_conv'
      ? encoder.patch
      : encoder.kind === 'impala_resnet'
        ? encoder.spaceToDepth
        : 1;
  // What a Gymnasium environment shows is known when it opens.
  if (environment.kind === 'gymnasium') return;
  const sides = environment.kind === 'catch' ? [environment.rows, environment.columns] : [64];
  if (sides.some((size) => size % side !== 0)) {
    yield {
      text: `model.encoder: image sides (${sides.join(' x ')}) must be multiples of its patches, got patches of ${side}`,
      keys: ['model.encoder', 'environment.kind'],
    };
  }
}

function* coreConflicts(core: CoreConfig): Iterable<Conflict> {
  if ('numHeads' in core && core.modelDim % core.numHeads !== 0) {
    yield {
      text: `model.core.modelDim must be a multiple of model.core.numHeads (${core.numHeads}), got ${core.modelDim}`,
      keys: ['model.core.modelDim', 'model.core.numHeads'],
    };
  }
}

function* levelConflicts({ environment }: Pick<Config, 'environment'>): Iterable<Conflict> {
  if (environment.kind !== 'gymnasium') return;
  const { numLevels, startLevel } = environment;
  const keys = ['environment.startLevel', 'environment.numLevels'];
  if (!numLevels && startLevel !== 0) {
    yield {
      text: `environment.startLevel needs a number of levels, and must be 0 where environment.numLevels is ${numLevels}, got ${startLevel}`,
      keys,
    };
  } else if (startLevel + (numLevels ?? 0) > LAST_LEVEL + 1) {
    yield {
      text: `environment.startLevel and environment.numLevels must name levels up to ${LAST_LEVEL}, got ${startLevel} and ${numLevels}`,
      keys,
    };
  }
}

function* gameConflicts({ environment }: Pick<Config, 'environment'>): Iterable<Conflict> {
  if (environment.kind === 'catch' && environment.rows <= Math.floor(environment.columns / 2)) {
    yield {
      text: `environment.rows must be above half of environment.columns (${environment.columns}), or the paddle cannot reach every ball, got ${environment.rows}`,
      keys: ['environment.rows', 'environment.columns'],
    };
  }
  if (environment.kind !== 'procgen') return;
  const known: readonly string[] = GAMES;
  const unknown = environment.games.filter((game) => !known.includes(game));
  if (unknown.length > 0) {
    yield {
      text: `environment.games must be of ${GAMES.join(', ')}; got ${unknown.join(', ')}`,
      keys: ['environment.games'],
    };
    return;
  }
  const { distributionMode, games, numLevels, startLevel } = environment;
  const allowed: readonly string[] = MODE_GAMES[distributionMode];
  const lacking = games.filter((game) => !allowed.includes(game));
  if (lacking.length > 0) {
    yield {
      text: `environment.distributionMode ${distributionMode} exists for ${allowed.join(', ')} only, got ${lacking.join(', ')}`,
      keys: ['environment.distributionMode', 'environment.games'],
    };
  }
  if (distributionMode === 'exploration' && (games.length > 1 || numLevels !== 0 || startLevel !== 0)) {
    yield {
      text: 'environment.distributionMode exploration has one game and one fixed level: numLevels and startLevel must be 0',
      keys: [
        'environment.distributionMode',
        'environment.games',
        'environment.numLevels',
        'environment.startLevel',
      ],
    };
  }
  if (numLevels === 0 && startLevel !== 0) {
    yield {
      text: `environment.startLevel is ignored by ProcGen when numLevels is 0, and must be 0 then, got ${startLevel}`,
      keys: ['environment.startLevel', 'environment.numLevels'],
    };
  }
}
