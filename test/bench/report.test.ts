import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { suiteNames, table, writeResults, type Report } from '../../bench/index.ts';
import { comparisonRow, figureRow } from '../../bench/row.ts';
import { suites } from '../../bench/suites/index.ts';

const heading = {
  name: 'update/srwm',
  unit: 's',
  better: 'lower',
  goal: 1.03,
  detail: { threads: 2 },
} as const;
const pairs = Array.from({ length: 9 }, (_, i) => ({ ours: 1 + i / 100, rival: 1 }));

const report: Report = {
  machine: {
    cpu: 'a processor',
    cores: 2,
    memory_gib: 16,
    platform: 'linux x64',
    device: 'cpu',
    device_name: 'cpu',
    vectors: 'AVX2',
    threads: 2,
    load_average: 0.1,
  },
  versions: { srwm: '0.1.0' },
  results: [comparisonRow(heading, pairs)],
  skipped: [{ name: 'env/procgen', reason: 'ProcGen runs on Linux x86-64 only' }],
};

test('gives a row of pairs its medians, its ratio with interval, and whether the goal was met', () => {
  expect(report.results[0]).toEqual({
    name: 'update/srwm',
    ours: 1.04,
    rival: 1,
    ratio: 1.04,
    interval: [1.01, 1.07],
    unit: 's',
    better: 'lower',
    goal: 1.03,
    met: false,
    detail: { pairs: 9, threads: 2 },
  });
});

test('gives a figure without a rival its own value as ratio', () => {
  const row = figureRow({ ...heading, name: 'graph/ready', goal: 1 }, [0.2, 0.4, 0.3]);
  expect(row).toMatchObject({ ours: 0.3, rival: null, ratio: 0.3, met: true });
});

test('meets a higher-is-better goal from above', () => {
  const row = comparisonRow({ ...heading, better: 'higher', goal: 0.85 }, pairs);
  expect(row.met).toBe(true);
});

test('keeps each row in the suite of the first part of its name', () => {
  const parts: Record<string, string> = {
    update: 'train',
    end_to_end: 'train',
    rivals: 'train',
    evaluate: 'train',
    python: 'bridge',
    trace: 'graph',
    types: 'graph',
  };
  for (const suite of suiteNames) {
    for (const { name } of suites[suite]) {
      const [first = ''] = name.split('/');
      expect(parts[first] ?? first).toBe(suite);
    }
  }
});

test('knows every row that has a goal to reach, under its stable name', () => {
  const names = suiteNames.flatMap((suite) => suites[suite].map(({ name }) => name));
  expect(names).toEqual(
    expect.arrayContaining([
      'update/feed_forward',
      'update/srwm',
      'end_to_end/feed_forward',
      'end_to_end/srwm',
      'bridge/share',
      'bridge/round_trip',
      'bridge/grpc',
      'end_to_end/bfloat16',
      'rivals/ppo',
      'rivals/ppo_tuned',
      'rivals/cleanrl',
      'rivals/cleanrl_tuned',
      'rivals/torchbeast',
      'rivals/torchbeast_tuned',
      'env/procgen',
      'graph/ready',
    ]),
  );
  expect(new Set(names).size).toBe(names.length);
});

test('prints missed goals and skipped rows as such', () => {
  expect(table(report)).toMatchInlineSnapshot(`
    "a processor, 2 cores, AVX2, cpu, 2 threads, load 0.1
    update/srwm  1.04x [1.01, 1.07]  goal <= 1.03 MISSED  ours 1.04, rival 1 s
    env/procgen  skipped: ProcGen runs on Linux x86-64 only"
  `);
});

test('puts single rows into the file of the same machine, and into no other', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-bench-'));
  try {
    const write = (one: Report) => writeResults(folder, new Map([['train', one]]), false)[0] ?? '';
    write(report);
    const faster = comparisonRow(
      heading,
      pairs.map(({ ours, rival }) => ({ ours: ours / 2, rival })),
    );
    const procgen = figureRow({ ...heading, name: 'env/procgen' }, [1]);
    const busy = { ...report.machine, load_average: 9 };
    const file = write({ ...report, machine: busy, results: [faster, procgen], skipped: [] });
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Report;
    expect(kept.results).toEqual([faster, procgen]);
    expect(kept.skipped).toEqual([]);
    write({ ...report, results: [], skipped: [] });
    expect((JSON.parse(readFileSync(file, 'utf8')) as Report).results).toEqual([faster, procgen]);
    const other = { ...report, machine: { ...report.machine, vectors: 'AVX512' } };
    expect(() => write(other)).toThrow('must be of this machine');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('writes one file a suite', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-bench-'));
  try {
    const [file = ''] = writeResults(path.join(folder, 'results'), new Map([['train', report]]));
    expect(path.basename(file)).toBe('train.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
