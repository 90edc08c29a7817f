/** `srwm describe file.ts` and `train file.ts`: whatever is wrong with a file is one sentence with its line. */
import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startSrwm, temporaryProject } from './run-srwm.ts';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

async function describeFile(text: string, ...words: readonly string[]) {
  const cwd = temporaryProject();
  writeFileSync(path.join(cwd, 'mine.ts'), text);
  const types = words.includes('--types');
  if (types) symlinkSync(MODULES, path.join(cwd, 'node_modules'));
  const rest = types ? words.filter((word) => word !== '--types') : [...words, '--skip-types'];
  return startSrwm(['describe', 'mine.ts', ...rest], { cwd });
}

test.for([
  ['a syntax error', 'const a = 1;\nconst b = ;\n', 'CONFIG_FILE', 'mine.ts:2:11', 'Unexpected ";"'],
  [
    'a module that throws',
    'const a: any = null;\n\nexport default a.b;\n',
    'CONFIG_FILE',
    'mine.ts:3:18',
    'TypeError',
  ],
  ['an import that is not there', "import './other.ts';\n", 'CONFIG_FILE', 'mine.ts', 'Cannot find module'],
  ['no default export', 'export const a = 1;\n', 'CONFIG_FILE', 'mine.ts', 'got none'],
  ['another default export', 'export default 3;\n', 'CONFIG_FILE', 'mine.ts', 'got number'],
  [
    'a key that does not exist',
    "import { defineRun, presets } from 'srwm';\nexport default defineRun(presets.tiny({ rws: 9 } as object));\n",
    'CONFIG_UNKNOWN_KEY',
    'mine.ts:2:34',
    'Did you mean environment.rows?',
  ],
  [
    'a wrong shape in a core',
    "import { defineRun, presets, stepCore } from 'srwm';\nconst core = stepCore('c', { size: 4 }, (x, h) => [x.add(h), h]);\nexport default defineRun(presets.tiny(), { core });\n",
    'GRAPH_SHAPE',
    'mine.ts:2:54',
    'cannot broadcast',
  ],
] as const)('%s', async ([, text, code, line, said]) => {
  const { exitCode, stdout, stderr } = await describeFile(text);
  expect(stdout).toBe('');
  expect(stderr).toContain(code);
  expect(stderr).toContain(line);
  expect(stderr).toContain(said);
  // A sentence and its line, but no stack.
  expect(stderr).not.toMatch(/node:internal|node_modules/);
  expect(exitCode).toBe(code === 'GRAPH_SHAPE' ? 1 : 2);
});

test('an own core shows in the description', async () => {
  const text = `
import { defineRun, linear, presets, stepCore } from 'srwm';
const core = stepCore('leaky', { size: 4 }, (x, h) => [h.add(linear('in', 4)(x)), h]);
export default defineRun(presets.tiny(), { core });
`;
  const { exitCode, stdout, stderr } = await describeFile(text, '--set', 'seed=5');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('seed = 5  (--set seed=5)');
  expect(stdout).toContain('own parts: core  (mine.ts)');
  expect(stdout).toMatch(/^leaky\/in\/weight {2}\[4, 65\]/m);
});

test('a type error is a sentence with its line before anything starts', async () => {
  const text = [
    'import { defineRun, presets } from "srwm";',
    'const wrong: number = "b";',
    'export default defineRun(presets.tiny());',
    'void wrong;',
  ].join('\n');
  const { exitCode, stderr } = await describeFile(text, '--types');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^CONFIG_TYPES {2}mine.ts: must pass the type check, got 1 fault:/);
  expect(stderr).toContain("Type 'string' is not assignable to type 'number'");
  expect(stderr).toContain('mine.ts:2:7');
});
