import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { planSweep } from '../../src/sweeps/index.ts';
import { drawIntervals } from '../../scripts/intervals.ts';
import { pictures, resultsOf, withTables, type MemoryResults } from '../../scripts/memory-page.ts';
import study from '../../studies/memory.ts';

const folder = 'docs/results';
const results = JSON.parse(readFileSync(`${folder}/memory.json`, 'utf8')) as MemoryResults;

test('docs/results/memory.md and its pictures show the rows of memory.json', () => {
  const page = readFileSync(`${folder}/memory.md`, 'utf8');
  const cells = (text: string) => text.split('\n').map((line) => line.replaceAll(/ +|-{3,}/g, ' '));
  expect(cells(withTables(page, results))).toEqual(cells(page));
  for (const [name, picture] of Object.entries(pictures(results)))
    expect(readFileSync(`${folder}/${name}`, 'utf8')).toBe(picture);
});

/** A report in which run number i named i hundredths of its cues. */
function reportWith(measure: string): Parameters<typeof resultsOf>[0] {
  const runs = planSweep(study).map(({ name, group, seed, changes }, i) => ({
    ...{ name, group, seed, changes, run: name, status: 'finished' as const, updates: 1, env_steps: 1 },
    ...{ seconds: 2, episode_return: null, parameters_sha256: null, error: null },
    splits: [
      {
        name: measure,
        games: [{ game: 'recall', episodes: 4, mean_return: i / 100, ci95: [0, 1], normalized: null }],
      },
    ],
  }));
  return { sweep: '', groups: [], runs } as unknown as Parameters<typeof resultsOf>[0];
}

test('takes every run of the study in, the SRWM in both of its parts', () => {
  const made = resultsOf(reportWith('train/greedy'), 'a machine');
  expect(made.train_seconds).toBe(2 * 40);
  const rows = [...made.cores, ...made.gradients];
  expect(new Set(rows.flatMap(({ values }) => values)).size).toBe(40);
  const [srwm] = made.cores;
  expect(srwm).toMatchObject({ label: 'srwm', values: [0, 0.01, 0.02, 0.03, 0.04], mean: 0.02 });
  expect(made.gradients[0]).toEqual({ ...srwm, label: 'unroll-6' });
});

test('does not make results of runs without an evaluation', () => {
  expect(() => resultsOf(reportWith('train/sampled'), 'a machine')).toThrow(
    /has no evaluation "train\/greedy"/,
  );
});

test('draws a dot a seed, each setting at its mean, within the axis', () => {
  const row = { label: 'one', values: [0, 0.5, 1], mean: 0.5, ci95: [-0.74, 1.74] as const };
  const picture = drawIntervals('title', [row], { label: 'chance', value: 0.25 }, 'axis');
  expect(picture.match(/class="seed" cx="[^"]*"/g)).toEqual([
    'class="seed" cx="150.0"',
    'class="seed" cx="420.0"',
    'class="seed" cx="690.0"',
  ]);
  expect(picture).toContain('class="interval" x1="150.0" x2="690.0"');
  expect(picture).toContain('class="mark" x1="285.0" x2="285.0"');
});
