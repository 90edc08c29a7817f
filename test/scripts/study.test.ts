import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { planSweep } from '../../src/sweeps/index.ts';
import { apart, drawGroupCurves } from '../../scripts/group-curves.ts';
import { pictures, withTables, type StudyResults } from '../../scripts/study-page.ts';
import algorithms from '../../studies/algorithms.ts';
import precision from '../../studies/precision.ts';
import procgenCores from '../../studies/procgen-cores.ts';

const folder = 'docs/results';
const studies = Object.entries({ 'procgen-cores': procgenCores, algorithms, precision }).filter(([name]) =>
  existsSync(`${folder}/${name}.json`),
);

describe.each(studies)('docs/results/%s.md', (name, study) => {
  const results = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) as StudyResults;

  test('and its pictures show the rows of its JSON', () => {
    const page = readFileSync(`${folder}/${name}.md`, 'utf8');
    const cells = (text: string) => text.split('\n').map((line) => line.replaceAll(/ +|-{3,}/g, ' '));
    expect(cells(withTables(page, results))).toEqual(cells(page));
    for (const [file, picture] of Object.entries(pictures(name, results)))
      expect(readFileSync(`${folder}/${file}`, 'utf8')).toBe(picture);
  });

  test('has every run of the study', () => {
    const planned = planSweep(study).map(({ group, seed }) => `${group} ${seed}`);
    const shown = results.groups.flatMap(({ name: group, seeds }) => seeds.map((seed) => `${group} ${seed}`));
    expect(shown.sort()).toEqual(planned.sort());
  });
});

test('curves have a colour and a label each, and labels do not lie on one another', () => {
  const groups = ['one', 'two', 'three'].map((label, i) => ({
    label,
    curve: [
      [0, 0],
      [1000, 1 + i / 100],
    ] as const,
  }));
  const picture = drawGroupCurves('title', groups, 'axis');
  expect(picture.match(/class="curve c\d"/g)).toEqual([0, 1, 2].map((i) => `class="curve c${i}"`));
  expect(picture.match(/>(one|two|three) [\d.]+</g)).toEqual(['>one 1.00<', '>two 1.01<', '>three 1.02<']);
  expect(apart([100, 101, 30])).toEqual([100, 117, 30]);
  const many = Array.from({ length: 6 }, () => groups[0] as (typeof groups)[0]);
  expect(() => drawGroupCurves('title', many, 'axis')).toThrow(/at most 5 curves/);
});
