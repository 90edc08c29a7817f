/** Calls into Python stay off the training path: dependency-cruiser says so of a program that breaks the rule. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';

async function findings(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-layers-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
    cpSync(name, path.join(folder, name));
  }
  symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  const depcruise = path.resolve('node_modules/.bin/depcruise');
  const run = await execa(depcruise, ['src', 'bridge'], { cwd: folder, reject: false });
  return run.stdout;
}

test('only the public list may import src/python, and only src/python/pythonia.ts pythonia', async () => {
  const bridge = { 'bridge/client/index.ts': 'export const worker = 1;' };
  const own = {
    'src/python/index.ts': "export { com } from './pythonia.ts';",
    'src/python/pythonia.ts': "export { com } from 'pythonia';",
    'src/index.ts': "export { com } from './python/index.ts';",
  };
  expect(await findings({ ...bridge, ...own })).toContain('no dependency violations');

  const broken = await findings({
    ...bridge,
    ...own,
    'src/train/loop.ts': "import { com } from '../python/index.ts';\nexport const loop = com;",
    'src/cli/main.ts': "export const main = () => import('../python/index.ts');",
    'src/runs/train.ts': "import { com } from 'pythonia';\nexport const train = com;",
    'bridge/client/worker.ts': "export const load = () => import('pythonia');",
  });
  const rule = 'calls-into-python-stay-off-the-training-path';
  expect(broken).toContain(`error ${rule}: src/train/loop.ts`);
  expect(broken).toContain(`error ${rule}: src/cli/main.ts`);
  expect(broken).toContain('error pythonia-is-known-in-one-place: src/runs/train.ts');
  expect(broken).toContain('error pythonia-is-known-in-one-place: bridge/client/worker.ts');
});
