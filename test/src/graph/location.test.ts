import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { packageFolder } from '../../../src/setup/index.ts';

/** A person's script: types, a comment and a generic before the operations, so that columns need the source map. */
const script = (graph: string): string =>
  [
    `import { tensorSpec, trace, type Tensor } from '${graph}';`,
    'interface Unused<T> { readonly value: T }',
    'const double = (x: Tensor): Tensor => /* here */ x.mul(2);',
    'const twice = <T extends Tensor>(x: T): Tensor => double(double(x) as T);',
    "const { spec } = trace('lines', { x: tensorSpec([2]) }, ({ x }) => ({ y: twice(x).neg() }));",
    'console.log(JSON.stringify(spec.nodes.map((node) => spec.locs[node.loc])));',
    "try { trace('wrong', { x: tensorSpec([2]), w: tensorSpec([3]) }, ({ x, w }) => ({ y: x.add(w) })); }",
    'catch (error) { console.log(JSON.stringify((error as Error).message)); }',
  ].join('\n');

/** Test runners decide how stacks are made; this is how a script reads them that runs by itself. */
test('names file, line and column of the TypeScript outside a test runner', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'srwm-lines-'));
  try {
    const file = path.join(folder, 'script.mts');
    writeFileSync(file, script(path.join(packageFolder(), 'src', 'graph', 'index.ts')));
    const words = ['--import', import.meta.resolve('tsx'), file];
    const output = execFileSync(process.execPath, words, { cwd: folder, encoding: 'utf8' });
    const [places, message] = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(places).toEqual(['script.mts:3:52', 'script.mts:3:52', 'script.mts:5:83']);
    expect(message).toContain('at script.mts:7:88');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
