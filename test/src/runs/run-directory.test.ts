import { execa } from 'execa';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { evaluateRun } from '../../../src/runs/index.ts';
import { readRecord, RunDirectory, type Places, type RunRecord } from '../../../src/train/index.ts';
import { newFolder, rejection, resumeSmall, SMALL, startSmall, tiny } from './run-fixture.ts';

const record: RunRecord = {
  format: 1,
  preset: 'tiny',
  created: '2026-01-01T00:00:00.000Z',
  versions: {},
  ...tiny(...SMALL),
};
const nowhere: Places = {
  python: '/nonexistent/python3',
  pythonPath: '',
  environment: {},
  procgenLibrary: null,
  project: '',
};
const evaluation = {
  places: nowhere,
  splits: ['train'],
  baselines: false,
  signal: new AbortController().signal,
} as const;

/** What `body` throws. */
function thrown(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** The id of a process that has ended. */
async function goneProcess(): Promise<number> {
  const child = execa(process.execPath, ['--version']);
  const { pid } = child;
  await child;
  return pid ?? 0;
}

describe('a new run', () => {
  test('is refused where a run lies already, and leaves that one alone', async () => {
    const folder = newFolder();
    RunDirectory.create(folder, record)[Symbol.dispose]();
    const before = readFileSync(path.join(folder, 'config.json'), 'utf8');
    expect(thrown(() => RunDirectory.create(folder, { ...record, preset: 'other' }))).toMatchObject({
      code: 'RUN_EXISTS',
      remedy: expect.stringContaining(`srwm resume ${folder}`) as string,
    });
    expect(await rejection(startSmall(tiny(...SMALL), folder))).toMatchObject({ code: 'RUN_EXISTS' });
    expect(readFileSync(path.join(folder, 'config.json'), 'utf8')).toBe(before);
  });

  test('is refused where a file is in the way', () => {
    const folder = newFolder();
    writeFileSync(folder, 'a letter');
    expect(thrown(() => RunDirectory.requireNew(folder))).toMatchObject({ code: 'RUN_UNWRITABLE' });
    expect(thrown(() => RunDirectory.create(path.join(folder, 'below'), record))).toMatchObject({
      code: 'RUN_UNWRITABLE',
    });
    expect(readFileSync(folder, 'utf8')).toBe('a letter');
  });

  test('is refused where a file is in the way of one of its parts', () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'checkpoints'), 'a letter');
    expect(thrown(() => RunDirectory.create(folder, record))).toMatchObject({ code: 'RUN_UNWRITABLE' });
  });

  test('has its config on disk before a worker starts, and its lock back when that fails', async () => {
    const folder = newFolder();
    const error = await rejection(startSmall(tiny(...SMALL), folder, { places: nowhere }));
    expect(error).toMatchObject({
      code: 'WORKER_START',
      remedy: expect.stringContaining(`srwm resume ${folder}`) as string,
    });
    const { config, preset, sources } = readRecord(folder);
    expect(config).toEqual(record.config);
    expect(preset).toBe('tiny');
    expect(sources['train.batchSize']).toBe('--set train.batchSize=4');
    expect(sources['seed']).toBe('preset tiny');
    expect(existsSync(path.join(folder, 'lock'))).toBe(false);
  });
});

describe('a run that is taken up', () => {
  test('must be there, for resume and for evaluate', async () => {
    const folder = newFolder();
    expect(await rejection(resumeSmall(folder))).toMatchObject({ code: 'RUN_MISSING' });
    expect(await rejection(evaluateRun({ folder, ...evaluation }))).toMatchObject({ code: 'RUN_MISSING' });
    expect(existsSync(folder)).toBe(false);
  });

  test.each([
    ['other text', 'not JSON'],
    ['the settings of another program', '{"compilerOptions":{}}'],
    ['a later format', '{"format":2,"config":{}}'],
    ['null', 'null'],
    ['a config that is null', '{"format":1,"config":null}'],
  ])('must be ours: a config.json with %s is refused, for resume and for evaluate', async (_, text) => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'config.json'), text);
    expect(await rejection(resumeSmall(folder))).toMatchObject({ code: 'RUN_FOREIGN' });
    expect(await rejection(evaluateRun({ folder, ...evaluation }))).toMatchObject({ code: 'RUN_FOREIGN' });
    expect(readFileSync(path.join(folder, 'config.json'), 'utf8')).toBe(text);
  });

  test('must have every key of this version: one that came later is named, not taken for nothing', async () => {
    const folder = newFolder();
    const { burnIn: _, ...train } = record.config.train;
    const older = { ...record, config: { ...record.config, train } };
    RunDirectory.create(folder, older as typeof record)[Symbol.dispose]();
    expect(await rejection(resumeSmall(folder))).toMatchObject({
      code: 'RUN_FOREIGN',
      message: expect.stringContaining('another version of srwm wrote it: train.burnIn') as string,
    });
  });

  test('must hold a checkpoint to be evaluated', async () => {
    const folder = newFolder();
    RunDirectory.create(folder, record)[Symbol.dispose]();
    expect(await rejection(evaluateRun({ folder, ...evaluation }))).toMatchObject({
      code: 'RUN_CHECKPOINT',
      remedy: expect.stringContaining(`srwm resume ${folder}`) as string,
    });
  });

  test('is refused while a living process holds it, and keeps that lock', async () => {
    const folder = newFolder();
    using run = RunDirectory.create(folder, record);
    expect(thrown(() => RunDirectory.open(folder))).toMatchObject({
      code: 'RUN_LOCKED',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
    expect(thrown(() => RunDirectory.requireFree(folder))).toMatchObject({ code: 'RUN_LOCKED' });
    expect(await rejection(resumeSmall(folder, { places: nowhere }))).toMatchObject({ code: 'RUN_LOCKED' });
    expect(readFileSync(run.path('lock'), 'utf8')).toBe(String(process.pid));
  });

  test('is taken over from a process that has ended', async () => {
    const folder = newFolder();
    RunDirectory.create(folder, record)[Symbol.dispose]();
    const file = path.join(folder, 'lock');
    writeFileSync(file, String(await goneProcess()));
    expect(() => RunDirectory.requireFree(folder)).not.toThrow();
    const { run } = RunDirectory.open(folder);
    expect(readFileSync(file, 'utf8')).toBe(String(process.pid));
    run[Symbol.dispose]();
    expect(existsSync(file)).toBe(false);
  });

  test('is taken over from a lock that was never written whole', () => {
    const folder = newFolder();
    RunDirectory.create(folder, record)[Symbol.dispose]();
    writeFileSync(path.join(folder, 'lock'), '');
    using run = RunDirectory.open(folder).run;
    expect(readFileSync(run.path('lock'), 'utf8')).toBe(String(process.pid));
  });
});

describe('the rows of a run', () => {
  test('beyond a checkpoint move aside, with a row that was cut short', () => {
    const folder = newFolder();
    using run = RunDirectory.create(folder, record);
    const lines = [
      '{"type":"run_start","updates":0}',
      '{"type":"update","index":0}',
      '{"type":"debug","update":1}',
      '{"type":"update","index":1}',
      '{"type":"checkpoint","update":2}',
      '{"type":"debug","update":2}',
      '{"type":"update","index":2}',
      '{"type":"checkpoint","update":3}',
      '{"type":"run_end","updates":3}',
      '{"type":"upda',
    ];
    writeFileSync(run.path('metrics.jsonl'), lines.join('\n'));
    run.dropRowsBeyond({ updates: 2, evaluated: 2 });
    expect(readFileSync(run.path('metrics.jsonl'), 'utf8')).toBe(`${lines.slice(0, 5).join('\n')}\n`);
    expect(readFileSync(run.path('orphaned.jsonl'), 'utf8')).toBe(`${lines.slice(5).join('\n')}\n`);
  });

  test('stay as they are when none is beyond', () => {
    const folder = newFolder();
    using run = RunDirectory.create(folder, record);
    run.dropRowsBeyond({ updates: 0, evaluated: 0 });
    writeFileSync(run.path('metrics.jsonl'), '{"type":"update","index":0}\n');
    run.dropRowsBeyond({ updates: 1, evaluated: 1 });
    expect(readFileSync(run.path('metrics.jsonl'), 'utf8')).toBe('{"type":"update","index":0}\n');
    expect(existsSync(run.path('orphaned.jsonl'))).toBe(false);
  });
});
