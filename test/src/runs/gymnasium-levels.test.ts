/** Levels of a Gymnasium environment, which are seeds of its reset: ledgers and curricula as ProcGen has them. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import { planEvaluation, planRecording, type Split } from '../../../src/evaluate/index.ts';
import { prioritizedLevelReplay, type OwnParts } from '../../../src/index.ts';
import type { EvaluationRecord } from '../../../src/metrics/index.ts';
import { evaluateRun, resumeRun, startRun } from '../../../src/runs/index.ts';
import type { RunEvent } from '../../../src/train/index.ts';
import { course, endOf, needsPython, newFolder, places, python, startSmall } from './run-fixture.ts';

const WALK = 'environment.env=./test/envs/fixtures/walk.py:Walk';
const SMALL = [
  'environment.numEnvs=8',
  'environment.numLevels=20',
  'environment.startLevel=40',
  'train.unrollLength=8',
  'train.totalEnvSteps=384',
  'algorithm.passes=1',
  'checkpoint.everyUpdates=4',
  'evaluation.atEnd=false',
  'evaluation.unseenNumLevels=30',
  'evaluation.numEnvs=8',
  'evaluation.play=["sampled","greedy"]',
];
const KWARGS = 'environment.kwargs={"length":4,"num_actions":2}';

function cartpole(...sets: readonly string[]) {
  return resolveConfig(presetNamed('cartpole').config(), 'preset cartpole', sets.map(parseAssignment));
}

describe('plans for an environment whose levels are seeds', () => {
  const { config } = cartpole(...SMALL);

  it('play a ledger of its training levels and of unseen ones, and warn where they overlap', () => {
    const plan = planEvaluation(config, {});
    expect(plan.protocol).toBe('ledger');
    expect(plan.splits).toEqual([
      { name: 'train', range: { start: 40, count: 20 } },
      { name: 'unseen', range: { start: 1000, count: 30 } },
    ]);
    expect(plan.warnings).toEqual([]);
    expect(planEvaluation(config, { splits: ['50-69'] }).warnings).toEqual([
      expect.stringContaining('10 of its 20 levels (50 to 59)') as string,
    ]);
  });

  it('record chosen levels, and know no games', () => {
    expect(planRecording(config, {})).toMatchObject({ games: null, levels: [40, 41, 42] });
    expect(planRecording(config, { levels: [7] })).toMatchObject({ levels: [7] });
    expect(() => planRecording(config, { games: ['maze'] })).toThrow('games cannot be chosen');
  });

  it.each([
    ['environment.startLevel=3', 'must be 0 where environment.numLevels is null'],
    ['environment.numLevels=-1', 'environment.numLevels'],
  ])('are refused where %s', (set, said) => {
    expect(() => cartpole(set)).toThrow(said);
  });

  it('stay as they were where no levels are told apart', () => {
    const plan = planEvaluation(cartpole().config, {});
    expect([plan.protocol, plan.splits]).toEqual(['episodes', [{ name: 'train', range: null }]]);
    expect(() => planEvaluation(cartpole().config, { splits: ['unseen'] })).toThrow('environment.numLevels');
  });
});

async function ledgerOf(folder: string, splits?: readonly Split[]): Promise<EvaluationRecord> {
  const signal = new AbortController().signal;
  const { file } = await evaluateRun({ folder, places, signal, splits, baselines: false });
  return JSON.parse(readFileSync(file, 'utf8')) as EvaluationRecord;
}

describe.skipIf(python === null)(`levels that are seeds (${needsPython})`, { timeout: 180_000 }, () => {
  it('are played once each, whatever slot plays them, also where the environment fails', async () => {
    // Two episodes of every slot fail to begin: their levels are begun again.
    const kwargs = JSON.stringify({ length: 4, num_actions: 2, fails_in_reset: [1, 3] });
    const folder = newFolder();
    await startSmall(cartpole(WALK, `environment.kwargs=${kwargs}`, ...SMALL), folder);
    const both = await ledgerOf(folder);
    expect(Object.keys(both.rows).sort()).toEqual([
      'train/greedy',
      'train/sampled',
      'unseen/greedy',
      'unseen/sampled',
    ]);
    expect(both.warnings.length).toBeGreaterThan(0);
    for (const [name, rows] of Object.entries(both.rows)) {
      const [first, count] = name.startsWith('train') ? [40, 20] : [1000, 30];
      expect(rows.map(({ level }) => level)).toEqual(Array.from({ length: count }, (_, i) => first + i));
      expect(new Set(rows.map((row) => row.episode_length))).toEqual(new Set([4]));
    }
    // Alone the same levels are played by other slots.
    const alone = await ledgerOf(folder, ['unseen']);
    expect(alone.rows['unseen/greedy']).toEqual(both.rows['unseen/greedy']);
    expect(alone.rows['unseen/sampled']).toEqual(both.rows['unseen/sampled']);
  });

  it('feed a curriculum, whose run resumes bit for bit', async () => {
    const resolved = cartpole(WALK, KWARGS, ...SMALL);
    const own: OwnParts = {
      curriculum: prioritizedLevelReplay({ levels: { start: 40, count: 20 }, ahead: 4 }),
    };
    const gather = async (events: AsyncIterable<RunEvent>, stop?: AbortController) => {
      const all: RunEvent[] = [];
      for await (const event of events) {
        all.push(event);
        if (event.type === 'update' && event.index === 5) stop?.abort();
      }
      return endOf(all);
    };
    const run = (folder: string, stop: AbortController) =>
      startRun(resolved, 'test', { folder, places, own, stop: stop.signal });
    const [whole, stopped, never] = [newFolder(), newFolder(), new AbortController()];
    const end = await gather(run(whole, never));
    const stop = new AbortController();
    await gather(run(stopped, stop), stop);
    const resumed = await gather(resumeRun({ folder: stopped, places, own, stop: never.signal }));
    expect(resumed.parameters_sha256).toBe(end.parameters_sha256);
    expect(course(stopped)).toEqual(course(whole));
    const [last] = readdirSync(path.join(whole, 'checkpoints')).sort().slice(-1);
    const manifest = readFileSync(path.join(whole, 'checkpoints', last ?? '', 'manifest.json'), 'utf8');
    const { counters } = JSON.parse(manifest) as { counters: { curriculum: { state: unknown } } };
    expect(JSON.stringify(counters.curriculum.state)).toMatch(/"scores":\[.*\d/);
  });
});
