/**
 * Trains the runs of a study on ProcGen, compares them, and writes docs/results/<study>.json, its pictures, and the tables
 * of docs/results/<study>.md:
 *
 *     npx tsx scripts/study.ts procgen-cores                   # in sweeps/procgen-cores
 *     npx tsx scripts/study.ts algorithms --dir DIR
 *
 * What is finished stays, what was begun goes on: stop it with Ctrl-C and give the same command again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as prettier from 'prettier';
import { compare } from '../src/compare/index.ts';
import { sweep } from '../src/sweeps/index.ts';
import algorithms from '../studies/algorithms.ts';
import precision from '../studies/precision.ts';
import procgenCores from '../studies/procgen-cores.ts';
import { pictures, resultsOf, withTables } from './study-page.ts';

const studies = { 'procgen-cores': procgenCores, algorithms, precision } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dir: { type: 'string' }, jobs: { type: 'string' } },
});
const [name] = positionals;
if (name === undefined || !Object.hasOwn(studies, name))
  throw new Error(`usage: study.ts ${Object.keys(studies).join('|')} [--dir DIR] [--jobs N]`);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const report = await sweep(studies[name as keyof typeof studies], {
  folder: values.dir ?? path.join('sweeps', name),
  ...(values.jobs !== undefined && { jobs: Number(values.jobs) }),
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
const compared = await compare(report.runs.map(({ run }) => run));
const machine = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`;
const results = resultsOf(report, compared, machine);
const folder = path.join('docs', 'results');
await write(`${name}.json`, JSON.stringify(results));
for (const [file, picture] of Object.entries(pictures(name, results)))
  writeFileSync(path.join(folder, file), picture);
const page = `${name}.md`;
await write(page, withTables(readFileSync(path.join(folder, page), 'utf8'), results));

async function write(file: string, text: string): Promise<void> {
  const target = path.join(folder, file);
  const style = (await prettier.resolveConfig(target)) ?? {};
  writeFileSync(target, await prettier.format(text, { ...style, filepath: target }));
}
