/** The queue of columns against plain lists: what each update takes, tensor by tensor, and what a loss makes of it. */
import { describe, expect, it } from 'vitest';
import { presets, type Config, type ImpalaConfig } from '../../../src/config/index.ts';
import { objective } from '../../../src/objectives/index.ts';
import { impalaObjective, slotTasks, windowSizes } from '../../../src/train/index.ts';
import { mostLeftOver, unrollsOfCycle } from '../../../src/train/impala/column-window.ts';
import { largestDifference, needsPython, places, python, startSession } from '../../support/session.ts';
import { Stream, T, type Case } from './column-stream.ts';

describe('the window over columns', () => {
  it.each([
    [48, 32, 16, 2],
    [96, 32, 0, 1],
    [32, 32, 0, 1],
    [16, 32, 16, 2],
    [4, 10, 8, 5],
    [7, 3, 2, 3],
    [1, 32, 31, 32],
  ])('of %i slots and batches of %i has room for what is left over', (numEnvs, batchSize, most, cycle) => {
    const over = Array.from({ length: cycle }, (_, unroll) => ((unroll + 1) * numEnvs) % batchSize);
    expect(Math.max(...over)).toBe(most);
    expect(over.indexOf(0)).toBe(cycle - 1);
    expect(mostLeftOver(numEnvs, batchSize)).toBe(most);
    expect(unrollsOfCycle(numEnvs, batchSize)).toBe(cycle);
  });

  it.each([
    [48, 32, 6],
    [96, 32, 6],
    [4, 10, 3],
    [7, 3, 2],
  ])('of %i slots and batches of %i keeps the game of a column', (numEnvs, batchSize, numGames) => {
    const { tasks, numEnvs: size } = windowSizes(ofGames(numGames, numEnvs, batchSize));
    // The stream of columns: slot after slot, unroll after unroll.
    const stream = Array.from({ length: 40 * numEnvs }, (_, column) => (column % numEnvs) % numGames);
    expect(size).toBe(numEnvs + mostLeftOver(numEnvs, batchSize));
    expect(tasks).toEqual(stream.slice(-size));
  });
});

function ofGames(numGames: number, numEnvs: number, batchSize: number): Config {
  const games = ['bigfish', 'fruitbot', 'maze', 'leaper', 'plunder', 'starpilot'].slice(0, numGames);
  const easy = presets.procgenEasy();
  const environment = { ...easy.environment, games, numEnvs } as Config['environment'];
  return { ...easy, train: { ...easy.train, unrollLength: T, batchSize }, environment };
}

const CATCH = ['environment.rows=4', 'environment.columns=3'];
/** Float observations, random places, and a limit of 6 steps. */
const WALK = [
  'environment.kind=gymnasium',
  'environment.env=./test/envs/fixtures/walk.py:Walk',
  'environment.kwargs.ends=truncated',
  'environment.kwargs.num_actions=2',
  'model.encoder.scale=0.01',
];
const FORGETFUL = 'model.core.kind=feed_forward';
const LSTM = ['model.core.kind=lstm', 'model.core.modelDim=8'];
const GAMES = [
  'environment.games=starpilot,leaper',
  'environment.numHosts=1',
  'algorithm.valueScale.kind=popart',
];

const everywhere: [string, Case][] = [
  ['SRWM states, 6 slots for 4', { sets: CATCH, numEnvs: 6, batchSize: 4, unrolls: 4 }],
  [
    'LSTM states and limits, 4 slots for 10',
    { sets: [...WALK, ...LSTM], numEnvs: 4, batchSize: 10, unrolls: 6 },
  ],
  [
    'no state and a loss of its own, 4 slots for 8',
    {
      loss: objective('mine', ({ target, behaviour }) => ({
        loss: target.values.sub(behaviour.values).square().mean(),
        behaviour: behaviour.values.mean(),
      })),
      sets: [...CATCH, FORGETFUL],
      numEnvs: 4,
      batchSize: 8,
      unrolls: 5,
    },
  ],
];
const onProcgen: [string, Case][] = [
  [
    'PopArt of two games, 7 slots for 3',
    { preset: 'quickstart', sets: GAMES, numEnvs: 7, batchSize: 3, unrolls: 2 },
  ],
];
const cases = places.procgenLibrary === null ? everywhere : [...everywhere, ...onProcgen];

describe.skipIf(python === null)(`the queue of columns (${needsPython})`, { timeout: 120_000 }, () => {
  it.each(cases)('gives every column to one update, in order and unchanged: %s', async (_, one) => {
    await using session = await startSession();
    const stream = await Stream.start(session, one);
    const { config, queue, parts, size } = stream;
    const { numEnvs, batchSize, unrolls } = one;
    const impala = config.algorithm as ImpalaConfig;
    const chosen = impalaObjective(parts.agent, impala, windowSizes(config), one.loss);
    const ofSlots = slotTasks(config.environment);
    const taken: number[] = [];
    const versions: number[] = [];
    for (let unroll = 0; unroll < unrolls; unroll++) {
      const window = await stream.push(unroll, 10 * unroll);
      const end = (unroll + 1) * numEnvs;
      expect(Object.keys(window)).toHaveLength(Object.keys(stream.columns).length);
      for (const [name, columns] of Object.entries(window)) {
        const known = (stream.columns[name] as number[][]).slice(-size);
        expect(columns, name).toHaveLength(size);
        expect(columns.slice(-known.length), name).toEqual(known);
      }
      for (const batch of queue.batches()) {
        const inStream = batch.columns.map((place) => end - size + place);
        taken.push(...inStream);
        versions.push(...batch.versions);
        const tasks = inStream.map((column) => ofSlots[column % numEnvs] as number);
        const alone = { numEnvs: batchSize, batchSize, unrollLength: T, burnIn: 0, tasks };
        const whole = impalaObjective(parts.agent, impala, alone, one.loss);
        const wanted = await stream.lossOfColumns(whole, inStream);
        const found = await stream.lossOf(chosen, batch.columns);
        for (const [name, values] of Object.entries(wanted)) {
          const difference = largestDifference(found[name] as number[], values);
          expect(difference, name).toBeLessThan(1e-5 * Math.max(1, ...values.map(Math.abs)));
        }
      }
      expect(queue.waiting).toHaveLength(end % batchSize);
      expect(taken).toHaveLength(end - (end % batchSize));
    }
    expect(taken).toEqual([...taken.keys()]);
    expect(versions).toEqual(taken.map((column) => 10 * Math.floor(column / numEnvs)));
    expect(taken.length).toBeGreaterThan(batchSize);
  });
});
