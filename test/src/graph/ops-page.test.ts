/** Every operation that docs/ops.md names is one that the package exports. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as srwm from '../../../src/index.ts';
import * as graph from '../../../src/graph/index.ts';

it('docs/ops.md lists operations that exist', () => {
  const page = readFileSync(new URL('../../../docs/ops.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| |'));
  const names = rows.flatMap((line) => line.split('|')[2]?.trim().split(' ') ?? []);
  expect(names.length).toBeGreaterThan(180);
  expect(names.filter((name) => !(name in srwm))).toEqual([]);
  expect(names.filter((name) => !(name in graph))).toEqual([]);
});
