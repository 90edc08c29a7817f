import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compareWith, planComparison, type CompareReport } from '../../../src/compare/index.ts';
import { parseAssignment, presetNamed, resolveConfig } from '../../../src/config/index.ts';
import type { EvaluationRecord, LevelRow } from '../../../src/metrics/index.ts';
import { uniformStream } from '../../../src/train/index.ts';
import { needsPython, places, python, root } from '../runs/run-fixture.ts';
import { startSrwm } from '../../cli/run-srwm.ts';

const never = new AbortController().signal;

function parentFolder(): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'srwm-compare-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return parent;
}

interface Made {
  readonly seed?: number;
  readonly sets?: readonly string[];
  /** What is added to every return, and how much the returns of this run scatter. */
  readonly shift?: number;
  readonly scatter?: number;
  readonly games?: readonly string[];
  readonly levels?: number;
  readonly splits?: readonly string[];
  readonly evaluation?: Partial<EvaluationRecord> | null;
}

/** A run folder with an evaluation whose returns are known; a level is worth the same to every run. */
function makeRun(parent: string, name: string, made: Made = {}): string {
  const { seed = 1, sets = [], games = ['maze', 'starpilot'], levels = 40, shift = 0, scatter = 0.2 } = made;
  const folder = path.join(parent, name);
  mkdirSync(path.join(folder, 'evaluations'), { recursive: true });
  const assignments = [`environment.games=${games.join(',')}`, `seed=${seed}`, ...sets].map(parseAssignment);
  const { config, sources } = resolveConfig(presetNamed('procgen-easy').config(), 'test', assignments);
  const record = { format: 1, preset: 'test', created: '', versions: {}, config, sources };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(record));
  if (made.evaluation === null) return folder;
  const noise = uniformStream(BigInt(seed * 1000 + name.length));
  const rowsOf = (split: string): LevelRow[] =>
    games.flatMap((game) => {
      const worth = uniformStream(BigInt(game.length * 7 + split.length));
      return Array.from({ length: levels }, (_, level) => ({
        game,
        level,
        episode_return:
          10 * worth() + shift + scatter * (noise() - 0.5) + (split.startsWith('train') ? 1 : 0),
        episode_length: 10,
        completed: false,
      }));
    });
  const names = made.splits ?? ['train/greedy', 'unseen/greedy'];
  const evaluation = {
    format: 1,
    run: folder,
    update: 100,
    protocol: 'ledger',
    state: 'carry',
    rows: Object.fromEntries(names.map((split) => [split, rowsOf(split)])),
    ...made.evaluation,
  };
  writeFileSync(path.join(folder, 'evaluations', '100.json'), JSON.stringify(evaluation));
  return folder;
}

const run = (folders: readonly string[], options = {}): Promise<CompareReport> =>
  compareWith(places, planComparison(folders, options), never);

function refusal(folders: readonly string[], options = {}): { code: string; message: string } {
  try {
    planComparison(folders, options);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('nothing was refused');
}

test('puts runs of another precision into a group of their own, not those on more threads', () => {
  const parent = parentFolder();
  const group = (name: string, ...sets: string[]) =>
    [1, 2].map((seed) => makeRun(parent, `${name},seed=${seed}`, { seed, sets }));
  const { groups } = planComparison(
    [
      ...group('float32'),
      ...group('bfloat16', 'hardware.precision=bfloat16'),
      makeRun(parent, 'float32,seed=3', { seed: 3, sets: ['hardware.threads=2', 'hardware.device=cpu'] }),
    ],
    {},
  );
  expect(groups.map(({ name, runs }) => [name, runs.length])).toEqual([
    ['float32', 3],
    ['bfloat16', 2],
  ]);
});

describe.skipIf(python === null)(`comparing (${needsPython})`, { timeout: 60_000 }, () => {
  test('pairs the levels of two single runs: a small difference shows, chance does not', async () => {
    const parent = parentFolder();
    // Returns of levels scatter over 10, the agents differ by 0.3 of that: only pairs can tell.
    const folders = ['good', 'same', 'worse'].map((name, index) =>
      makeRun(parent, name, {
        sets: [`train.learningRate=0.00${index + 1}`],
        shift: name === 'worse' ? -0.3 : 0,
      }),
    ) as [string, string, string];
    const { pairs, rows, gaps, notes, measure } = await run(folders, { splits: ['unseen'] });
    expect(measure).toBe('normalized return');
    expect(rows.map(({ name, over, seeds }) => [name, over, seeds])).toEqual(
      folders.map((f) => [f, 'levels', [1]]),
    );
    expect(gaps).toEqual([]);
    const of = (a: number, b: number) => pairs.find((pair) => pair.a === folders[a] && pair.b === folders[b]);
    expect(of(0, 1)).toMatchObject({ significant: false, over: 'levels', improvement: null });
    expect(of(0, 1)?.words).toMatch(/not significant/);
    expect(of(0, 2)).toMatchObject({ significant: true });
    expect(of(0, 2)?.words).toMatch(/is better; these agents, on levels like these/);
    // By the constants of easy mode: maze 5 to 10, starpilot 2.5 to 64.
    expect(of(0, 2)?.difference).toBeCloseTo((0.3 / 5 + 0.3 / 61.5) / 2, 2);
    expect(of(0, 2)?.p).toBeLessThan(0.001);
    expect(notes.filter(({ code }) => code === 'COMPARE_FEW_SEEDS')).toHaveLength(3);
  });

  test('groups seeds, and with enough of them speaks of configurations', async () => {
    const parent = parentFolder();
    const seeds = [1, 2, 3, 4, 5];
    const group = (name: string, shift: number, count: number, rate: string) =>
      seeds.slice(0, count).map((seed) =>
        makeRun(parent, `${name}-seed=${seed}`, {
          seed,
          shift: shift + 0.1 * seed,
          sets: [`train.learningRate=${rate}`],
        }),
      );
    const folders = [
      ...group('fast', 2, 5, '0.001'),
      ...group('slow', 0, 5, '0.002'),
      ...group('few', 2, 3, '0.003'),
    ];
    const { pairs, rows, gaps, notes } = await run(folders, { play: 'greedy' });
    const unseen = rows.filter(({ split }) => split === 'unseen/greedy');
    expect(unseen.map(({ name, over, seeds: own }) => [name, over, own.length])).toEqual([
      ['fast', 'runs', 5],
      ['slow', 'runs', 5],
      ['few', 'runs', 3],
    ]);
    const [pair, , third] = pairs.filter(({ split }) => split === 'unseen/greedy');
    expect(pair).toMatchObject({
      a: 'fast',
      b: 'slow',
      over: 'runs',
      significant: true,
      improvement: { value: 1 },
    });
    // All of one kind above all of the other: 2 of 252 ways.
    expect(pair?.p).toBeCloseTo(2 / 252, 12);
    expect(pair?.words).toMatch(/fast is better$/);
    // 5 and 3 of a like difference: 2 of 56 ways.
    expect(third).toMatchObject({ a: 'slow', b: 'few', significant: true });
    expect(third?.p).toBeCloseTo(2 / 56, 12);
    // Training levels return 1 more: 1/5 in maze, 1/61.5 in starpilot.
    expect(gaps.map(({ name, over }) => [name, over])).toEqual([
      ['fast', 'runs'],
      ['slow', 'runs'],
      ['few', 'runs'],
    ]);
    expect(gaps[0]?.gap.value).toBeCloseTo(gapByHand(folders.slice(0, 5)), 10);
    expect(notes.filter(({ code }) => code === 'COMPARE_FEW_SEEDS').map(({ message }) => message)).toEqual([
      expect.stringContaining('few has 3 seeds: bootstrap intervals over so few are too narrow'),
    ]);
  });

  test('says that three seeds each can never show a difference', async () => {
    const parent = parentFolder();
    const folders = [0, 5].flatMap((shift) =>
      [1, 2, 3].map((seed) =>
        makeRun(parent, `shift${shift}-seed${seed}`, {
          seed,
          shift,
          sets: [`train.learningRate=0.00${shift + 1}`],
        }),
      ),
    );
    const { pairs } = await run(folders, { splits: ['unseen'] });
    expect(pairs[0]).toMatchObject({ a: 'shift0', b: 'shift5', significant: false });
    expect(pairs[0]?.ci95[1]).toBeLessThan(0);
    expect(pairs[0]?.words).toMatch(
      /with 3 and 3 runs no difference can be \(the smallest possible p is 0.10\)/,
    );
  });
});

/** Normalised mean on training levels minus that on unseen ones, from the files, the mean over runs and games. */
function gapByHand(folders: readonly string[]): number {
  const ranges: Record<string, readonly [number, number]> = { maze: [5, 10], starpilot: [2.5, 64] };
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const scoreOf = (rows: readonly LevelRow[], game: string) => {
    const [low, high] = ranges[game] as readonly [number, number];
    return mean(
      rows.filter((row) => row.game === game).map((row) => (row.episode_return - low) / (high - low)),
    );
  };
  return mean(
    folders.flatMap((folder) => {
      const { rows } = JSON.parse(
        readFileSync(path.join(folder, 'evaluations', '100.json'), 'utf8'),
      ) as EvaluationRecord;
      const [train, unseen] = [rows['train/greedy'] ?? [], rows['unseen/greedy'] ?? []];
      return Object.keys(ranges).map((game) => scoreOf(train, game) - scoreOf(unseen, game));
    }),
  );
}

describe('comparing refuses, before anything starts,', () => {
  test('runs of different games or options, naming both', () => {
    const parent = parentFolder();
    const [one, games, mode] = [
      makeRun(parent, 'one'),
      makeRun(parent, 'games', { games: ['maze', 'leaper'] }),
      makeRun(parent, 'mode', { sets: ['environment.distributionMode=hard'] }),
    ];
    expect(refusal([one, games])).toMatchObject({ code: 'COMPARE_RUNS' });
    expect(refusal([one, games]).message).toMatch(
      /environment.games is \["maze","starpilot"\] in ".*one" and \["leaper","maze"\]/,
    );
    expect(refusal([one, mode]).message).toMatch(
      /environment.distributionMode is "easy" in .* and "hard" in/,
    );
  });

  test('a run without an evaluation of that kind, and says how to make one', () => {
    const parent = parentFolder();
    const [one, none] = [makeRun(parent, 'one'), makeRun(parent, 'none', { evaluation: null })];
    expect(refusal([one, none])).toMatchObject({
      code: 'COMPARE_NO_EVALUATION',
      remedy: `Run "srwm evaluate ${none} --protocol ledger --state carry".`,
    });
    expect(refusal([one], { protocol: 'paper' })).toMatchObject({ code: 'COMPARE_NO_EVALUATION' });
    expect(refusal([one], { state: 'unroll' })).toMatchObject({ code: 'COMPARE_NO_EVALUATION' });
  });

  test('a run named twice, and a seed of one configuration twice', () => {
    const parent = parentFolder();
    const [one, copy] = [makeRun(parent, 'one'), makeRun(parent, 'copy')];
    expect(refusal([one, `${one}/`]).message).toMatch(/named once/);
    expect(refusal([one, copy]).message).toMatch(/have seed 1/);
  });

  test('evaluations without a common split, or of other levels', () => {
    const parent = parentFolder();
    const one = makeRun(parent, 'one');
    const sampled = makeRun(parent, 'sampled', { seed: 2, splits: ['train/sampled'] });
    const fewer = makeRun(parent, 'fewer', { seed: 3, levels: 39 });
    for (const other of [sampled, fewer])
      expect(refusal([one, other])).toMatchObject({ code: 'COMPARE_SPLITS' });
    expect(refusal([one], { splits: ['test-1'] }).message).toMatch(/in common \(test-1\)/);
  });

  test.each([
    ['cut short', () => '{"format":1, "rows": {', /must be an evaluation that srwm wrote, but .*JSON/],
    ['nothing', () => '', /JSON/],
    ['null', () => 'null', /it holds null/],
    ['not of lists', (whole) => JSON.stringify({ ...whole, rows: [1] }), /rows\["0"\] is no list/],
    ['without its update', ({ update: _, ...whole }) => JSON.stringify(whole), /update is undefined/],
    [
      'of a return that is no number',
      (whole) => JSON.stringify(whole).replace(/"episode_return":[^,]+/, '"episode_return":null'),
      /rows\["train\/greedy"\]\[0\] is .*null/,
    ],
    [
      'of a return that no number holds',
      (whole) => JSON.stringify(whole).replace(/"episode_return":[^,]+/, '"episode_return":1e999'),
      /rows\["train\/greedy"\]\[0\] is /,
    ],
  ] satisfies [string, (whole: EvaluationRecord) => string, RegExp][])(
    'an evaluation that is %s, naming its file',
    (_, textOf, said) => {
      const one = makeRun(parentFolder(), 'one');
      const file = path.join(one, 'evaluations', '100.json');
      writeFileSync(file, textOf(JSON.parse(readFileSync(file, 'utf8')) as EvaluationRecord));
      const { code, message } = refusal([one]);
      expect(code).toBe('COMPARE_EVALUATION');
      expect(message).toContain(`compare: "${file}"`);
      expect(message).toMatch(said);
    },
  );

  test('fewer episodes than an interval needs', () => {
    const { code, message } = refusal([makeRun(parentFolder(), 'one', { levels: 1 })]);
    expect(code).toBe('COMPARE_FEW_EPISODES');
    expect(message).toMatch(/at least 2 episodes of maze on unseen\/greedy, got 1/);
  });

  test('nothing where splits come from several evaluations of the same checkpoint; an older checkpoint is not used', () => {
    const parent = parentFolder();
    const [one, other] = [makeRun(parent, 'one'), makeRun(parent, 'other', { seed: 2 })];
    const file = path.join(one, 'evaluations', '100.json');
    const whole = JSON.parse(readFileSync(file, 'utf8')) as EvaluationRecord;
    const { 'train/greedy': train, ...rest } = whole.rows as Record<string, readonly LevelRow[]>;
    const write = (name: string, changes: object) =>
      writeFileSync(path.join(one, 'evaluations', name), JSON.stringify({ ...whole, ...changes }));
    write('100.json', { rows: rest });
    write('100-later.json', { rows: { 'train/greedy': train } });
    write('90.json', { update: 90, rows: { 'test-1/greedy': train } });
    expect(planComparison([one, other], {}).splits).toEqual(['unseen/greedy', 'train/greedy']);
    expect(refusal([one], { splits: ['test-1'] })).toMatchObject({ code: 'COMPARE_SPLITS' });
  });

  test('on the command line as well, with exit code 2', async () => {
    const parent = parentFolder();
    const [one, none] = [makeRun(parent, 'one'), makeRun(parent, 'none', { evaluation: null })];
    const { exitCode, stdout } = await startSrwm(['compare', one, none, '--json'], { cwd: root });
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'COMPARE_NO_EVALUATION' });
  });
});
