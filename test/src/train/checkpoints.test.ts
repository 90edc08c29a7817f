import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { latestCheckpoint, readEnd, requireCheckpoint } from '../../../src/train/index.ts';

const BYTES = 'numbers';
const whole = {
  format: 1,
  counters: { updates: 2 },
  files: [{ name: 'a', bytes: BYTES.length, sha256: createHash('sha256').update(BYTES).digest('hex') }],
};

/** A run folder with a checkpoint whose manifest has this text. */
function runWith(manifest: string, name = '000000002', parent = newRun()): string {
  const folder = path.join(parent, 'checkpoints', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'a'), BYTES);
  writeFileSync(path.join(folder, 'manifest.json'), manifest);
  return parent;
}

function newRun(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-checkpoints-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function refusal(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

const silent = (): void => undefined;

test('the newest whole checkpoint is found', () => {
  const run = runWith(JSON.stringify(whole));
  expect(latestCheckpoint(run, silent)?.counters).toEqual({ updates: 2 });
});

test.each([
  ['cut short', '{', /JSON/],
  ['null', 'null', /is not one that srwm wrote/],
  ['without counters', JSON.stringify({ ...whole, counters: undefined }), /is not one that srwm wrote/],
  ['without files', JSON.stringify({ ...whole, files: [] }), /names no file/],
  ['of another file', JSON.stringify({ ...whole, files: [{ name: 'a', sha256: '0' }] }), /another hash/],
  ['of an absent file', JSON.stringify({ ...whole, files: [{ name: 'b', sha256: '0' }] }), /ENOENT/],
])(
  'a manifest that is %s is damage: said, passed over, and with no other checkpoint an error',
  (_, text, said) => {
    const run = runWith(text);
    const warnings: string[] = [];
    expect(refusal(() => requireCheckpoint(run, (warning) => warnings.push(warning)))).toMatchObject({
      code: 'RUN_CHECKPOINT',
      message: expect.stringContaining('got 1 damaged') as string,
      remedy: expect.stringContaining('train again') as string,
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(said);
    runWith(JSON.stringify(whole), '000000001', run);
    expect(path.basename(requireCheckpoint(run, silent).folder)).toBe('000000001');
  },
);

test('a run without a checkpoint is to be trained', () => {
  expect(refusal(() => requireCheckpoint(newRun(), silent))).toMatchObject({
    code: 'RUN_CHECKPOINT',
    remedy: expect.stringContaining('srwm resume') as string,
  });
});

test.each(['{', '', 'null', '{}'])('an end of a run that reads %j is refused by name', (text) => {
  const run = newRun();
  writeFileSync(path.join(run, 'result.json'), text);
  expect(refusal(() => readEnd(run))).toMatchObject({
    code: 'RUN_FOREIGN',
    message: expect.stringContaining('result.json" must be the end of a run') as string,
  });
});
