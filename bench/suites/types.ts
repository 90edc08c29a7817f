/** `types/check`: how long an author waits for the type checker. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageFolder } from '../../src/setup/index.ts';
import type { Bench } from '../bench.ts';
import { CannotMeasure, figureRow, type Row } from '../row.ts';

const GOAL_SECONDS = 6;
const RUNS = 5;

/** A whole `tsc --noEmit` of the examples in a fresh process, the API's own sources included. */
export async function typesRow(bench: Bench): Promise<Row> {
  const folder = packageFolder();
  const project = path.join(folder, 'examples', 'tsconfig.json');
  if (!existsSync(project)) throw new CannotMeasure('the installed package has no examples');
  const seconds: number[] = [];
  for (let run = 0; run < Math.min(bench.pairs, RUNS); run++) {
    const started = performance.now();
    await check(folder, project, bench.signal);
    seconds.push((performance.now() - started) / 1000);
  }
  return figureRow(
    {
      name: 'types/check',
      unit: 's',
      better: 'lower',
      goal: GOAL_SECONDS,
      detail: { what: 'tsc --noEmit of the examples with all they import, in a fresh process' },
    },
    seconds,
  );
}

async function check(folder: string, project: string, signal: AbortSignal): Promise<void> {
  const tsc = createRequire(path.join(folder, 'package.json')).resolve('typescript/lib/tsc.js');
  const child = spawn(process.execPath, [tsc, '--noEmit', '-p', project], { signal, stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  // "Excessively deep" is an error like any other.
  if (code !== 0) throw new Error(`the examples must pass the type check: ${output.split('\n')[0]}`);
}
