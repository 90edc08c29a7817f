/**
 * Trains the runs of studies/memory.ts and writes docs/results/memory.json, its pictures, and the tables of
 * docs/results/memory.md:
 *
 *     npx tsx scripts/memory.ts                       # two runs at a time, in sweeps/memory
 *     npx tsx scripts/memory.ts --jobs 4 --dir DIR
 *
 * What is finished stays, what was begun goes on: stop it with Ctrl-C and give the same command again.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as prettier from 'prettier';
import { sweep } from '../src/sweeps/index.ts';
import study from '../studies/memory.ts';
import { pictures, resultsOf, withTables } from './memory-page.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2' },
    dir: { type: 'string', default: path.join('sweeps', 'memory') },
  },
});
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const report = await sweep(study, {
  folder: values.dir,
  jobs: Number(values.jobs),
  signal: stop.signal,
  onEvent: (run, event) => {
    if (event.type !== 'run_end') return;
    console.log(`${run.name}: ${event.finished ? 'finished' : 'stopped'} after ${event.env_steps} env steps`);
  },
});
if (stop.signal.aborted) {
  console.error('stopped; go on with the same command');
  process.exit(130);
}
const results = resultsOf(report, `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`);
const folder = path.join('docs', 'results');
mkdirSync(folder, { recursive: true });
await write('memory.json', JSON.stringify(results));
for (const [name, picture] of Object.entries(pictures(results)))
  writeFileSync(path.join(folder, name), picture);
await write('memory.md', withTables(readFileSync(path.join(folder, 'memory.md'), 'utf8'), results));

async function write(name: string, text: string): Promise<void> {
  const file = path.join(folder, name);
  const style = (await prettier.resolveConfig(file)) ?? {};
  writeFileSync(file, await prettier.format(text, { ...style, filepath: file }));
}
