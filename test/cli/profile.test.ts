import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { profileTable } from '../../src/cli/profile-table.ts';
import { startSrwm, temporaryProject } from './run-srwm.ts';

test.each([
  ['a count that is none', ['tiny', '--unrolls', '0'], 'CLI_INVALID_VALUE'],
  ['a trace where no folder is', ['tiny', '--trace', 'no/trace.json'], 'CLI_INVALID_VALUE'],
  ['a trace that is a folder', ['tiny', '--trace', '.'], 'CLI_INVALID_VALUE'],
  ['a preset that does not exist', ['tinny'], 'CONFIG_UNKNOWN_PRESET'],
  ['a program of its own', ['own.mjs', '--skip-types'], 'CONFIG_FILE'],
])('refuses %s before it sets anything up', async (_, words, code) => {
  const cwd = temporaryProject();
  writeFileSync(path.join(cwd, 'own.mjs'), 'export default async function* () {}');
  const { exitCode, stdout, stderr } = await startSrwm(['profile', ...words, '--json'], { cwd });
  expect(exitCode, stderr).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code });
  expect(stderr).not.toContain('set-up');
});

test('prints the longest lines, the sum of the others, and what belongs to no line', () => {
  const line = {
    act_seconds: 0,
    forward_seconds: 0.004,
    backward_seconds: 0.002,
    seconds: 0.006,
    ops: ['mul'],
  };
  const long = `${'deep/'.repeat(10)}model.ts`;
  const table = profileTable(
    'tiny',
    {
      device: 'cpu',
      threads: 2,
      updates: 8,
      plain_seconds: 0.018,
      seconds: 0.02,
      lines: [
        { ...line, file: long, line: 7, text: 'return x.mul(2);', share: 0.3, calls: 1 },
        { ...line, file: 'b.ts', line: 1, text: 'y', share: 0.3, calls: 2.5 },
        { ...line, file: 'c.ts', line: 1, text: 'z', share: 0.3, calls: 120 },
      ],
      other: [{ name: 'env steps', seconds: 0.002, share: 0.1 }],
      trace: null,
    },
    1,
  );
  expect(table).toMatchInlineSnapshot(`
    "tiny on cpu, threads: 2. One update with its share of acting and env steps, mean of 8:
    18.00 ms; 20.00 ms under the profiler, which the table adds up to.

      share     ms  act  forward  backward  calls  line
     30.0 %   6.00          4.00      2.00      1  …eep/deep/deep/deep/deep/deep/model.ts:7  return x.mul(2);
     60.0 %  12.00          8.00      4.00    123  2 more lines (--top 3 shows them)
     10.0 %   2.00                                 (env steps)
    100.0 %  20.00                                 one update"
  `);
});
