/** A limit is no end: what would have come after it is in the value of the observation before it. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import { constant, presets, parameter, zeros, type PolicyDefinition } from '../../../src/index.ts';
import { graphsOf, startRun } from '../../../src/runs/index.ts';
import { loadTensors } from '../../../src/train/index.ts';
import { needsPython, newFolder, ofType, places, python } from './run-fixture.ts';

const DISCOUNT = 0.9;
const LENGTH = 5;
const LAMP = [
  'environment.env=./test/envs/fixtures/walk.py:Lamp',
  `environment.kwargs.length=${LENGTH}`,
  'environment.numEnvs=4',
  'train.batchSize=4',
  // Whole episodes, so that nothing but their ends is left to the value.
  `train.unrollLength=${2 * LENGTH}`,
  'train.totalEnvSteps=6000',
  'train.schedule.kind=constant',
  'train.learningRate=0.3',
  'train.maxGradNorm=null',
  'evaluation.atEnd=false',
  'checkpoint.everyUpdates=1000',
];
const RULES = {
  ppo: ['algorithm.passes=1', 'algorithm.lambda=1', 'algorithm.valueClip=null'],
  impala: ['algorithm.kind=impala', 'algorithm.reduction=mean'],
};

/** One number is the value of everything. */
const policy: PolicyDefinition = ({ numActions }) => ({
  numActions,
  stateShapes: () => ({}),
  apply: ({ isFirst, state }) => {
    const [time, batch] = isFirst.shape as [number, number];
    const logits = parameter('logits', [numActions], constant(0));
    return {
      logits: zeros([time, batch, numActions]).add(logits),
      baseline: zeros([time, batch]).add(parameter('value', [1], constant(0))),
      state,
    };
  },
});

async function learntValue(...sets: readonly string[]): Promise<number> {
  const config = presetNamed('cartpole').config();
  const own = { policy };
  const resolved = resolveConfig(config, 'test', [...LAMP, ...sets].map(parseAssignment), ['policy']);
  const folder = newFolder();
  const events = [];
  const stop = new AbortController().signal;
  for await (const event of startRun(resolved, 'test', { folder, places, stop, own })) events.push(event);
  const { path: checkpoint } = ofType(events, 'checkpoint').at(-1) ?? { path: '' };
  const { value } = loadTensors(path.join(checkpoint, 'parameters-agent.safetensors'));
  return (value?.toNumbers() as readonly number[])[0] as number;
}

describe.skipIf(python === null)(`the value of a reward of 1 a step (${needsPython})`, () => {
  const sets = Object.entries(RULES).map(
    ([rule, rest]) => [rule, [...rest, `algorithm.discount=${DISCOUNT}`]] as const,
  );

  it.each(sets)('is 1 / (1 - discount) where a limit cuts episodes short: %s', async (_, rest) => {
    expect(await learntValue(...rest, 'environment.kwargs.ends=truncated')).toBeCloseTo(
      1 / (1 - DISCOUNT),
      1,
    );
  });

  it('is what is left of the episode where it ends', async () => {
    const left = Array.from({ length: LENGTH }, (_, i) => (1 - DISCOUNT ** (i + 1)) / (1 - DISCOUNT));
    const mean = left.reduce((sum, value) => sum + value, 0) / LENGTH;
    const [[, ppo]] = sets as [(typeof sets)[number]];
    expect(await learntValue(...ppo, 'environment.kwargs.ends=terminated')).toBeCloseTo(mean, 1);
  });
});

describe('where no limit cuts episodes short', () => {
  it.each(['tiny', 'procgen-easy'])('graphs are those of before, to the hash: %s', (name) => {
    const resolved = resolveConfig(presetNamed(name).config(), name, []);
    const hashes = (spaces?: Parameters<typeof graphsOf>[2]) =>
      graphsOf(resolved, {}, spaces).map(({ hash }) => hash);
    const known = name === 'tiny' ? [8, 6, 3] : [64, 64, 3];
    const spaces = {
      observationShape: known,
      observationDtype: 'uint8' as const,
      numActions: name === 'tiny' ? 3 : 15,
    };
    expect(hashes({ ...spaces, truncates: false })).toEqual(hashes());
    expect(hashes({ ...spaces, truncates: true })).not.toEqual(hashes());
    const text = graphsOf(resolved)
      .map((graph) => graph.text())
      .join('\n');
    expect(text).not.toContain('final_value');
  });

  it('and the act graph is the same where one does', () => {
    const resolved = resolveConfig(presets.tiny(), 'tiny', []);
    const spaces = { observationShape: [8, 6, 3], observationDtype: 'uint8' as const, numActions: 3 };
    expect(graphsOf(resolved, {}, { ...spaces, truncates: true })[0]?.hash).toBe(graphsOf(resolved)[0]?.hash);
  });
});
