/** Requirements that concern two keys at once. */
import type { Fault } from './fault.ts';
import { GAMES, MODE_GAMES } from './games.ts';
import type { Config } from './schema.ts';

export function checkTogether(config: Config): Fault[] {
  const texts = [...batchFaults(config), ...modelFaults(config), ...gameFaults(config)];
  return texts.map((text) => ({ code: 'CONFIG_INVALID', text }));
}

function* batchFaults({ train, environment }: Config): Iterable<string> {
  if (environment.numEnvs % train.batchSize !== 0) {
    yield `environment.numEnvs must be a multiple of train.batchSize (${train.batchSize}), got ${environment.numEnvs}.`;
  }
}

function* modelFaults({ model, environment }: Config): Iterable<string> {
  const { core, encoder } = model;
  if (core.kind === 'srwm' && core.modelDim % core.numHeads !== 0) {
    yield `model.core.modelDim must be a multiple of model.core.numHeads (${core.numHeads}), got ${core.modelDim}.`;
  }
  if (encoder.kind !== 'mlp' && environment.kind === 'recall') {
    yield `model.encoder.kind must be mlp for environment.kind recall, whose observations are no images, got ${encoder.kind}.`;
  }
  const side =
    encoder.kind === 'patch_conv'
      ? encoder.patch
      : encoder.kind === 'impala_resnet'
        ? encoder.spaceToDepth
        : 1;
  const sides = environment.kind === 'catch' ? [environment.rows, environment.columns] : [64];
  if (sides.some((size) => size % side !== 0)) {
    yield `model.encoder: image sides (${sides.join(' x ')}) must be multiples of its patches, got patches of ${side}.`;
  }
}

function* gameFaults({ environment }: Config): Iterable<string> {
  if (environment.kind !== 'procgen') return;
  const known: readonly string[] = GAMES;
  const unknown = environment.games.filter((game) => !known.includes(game));
  if (unknown.length > 0) {
    yield `environment.games must be of ${GAMES.join(', ')}; got ${unknown.join(', ')}.`;
    return;
  }
  const { distributionMode, games, numLevels, startLevel } = environment;
  const allowed: readonly string[] = MODE_GAMES[distributionMode];
  const lacking = games.filter((game) => !allowed.includes(game));
  if (lacking.length > 0) {
    yield `environment.distributionMode ${distributionMode} exists for ${allowed.join(', ')} only, got ${lacking.join(', ')}.`;
  }
  if (distributionMode === 'exploration' && (games.length > 1 || numLevels !== 0 || startLevel !== 0)) {
    yield 'environment.distributionMode exploration has one game and one fixed level: numLevels and startLevel must be 0.';
  }
  if (numLevels === 0 && startLevel !== 0) {
    yield `environment.startLevel is ignored by ProcGen when numLevels is 0, and must be 0 then, got ${startLevel}.`;
  }
}
