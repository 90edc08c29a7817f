/**
 * Trains a preset once a seed and sums the runs up: bench/results/<name>.json and docs/pictures/<name>.svg.
 *
 *     npx tsx scripts/seeds.ts quickstart --seeds 11,12,13,14,15 --runs runs/quickstart
 *     npx tsx scripts/seeds.ts quickstart --seeds 11,12 --runs runs/quickstart --name control --set environment.blank=true
 *
 * A seed whose run directory is finished is not trained again; one that was interrupted goes on.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { drawCurves, type Curve } from './curves.ts';
import type { EvaluationReport } from '../src/metrics/index.ts';
import type { RunRecord, RunEvent } from '../src/train/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string' },
    runs: { type: 'string' },
    name: { type: 'string' },
    set: { type: 'string', multiple: true },
  },
});
const [preset] = positionals;
if (preset === undefined || values.seeds === undefined || values.runs === undefined) {
  throw new Error('usage: seeds.ts <preset> --seeds 1,2,3 --runs DIR [--name NAME] [--set key=value]...');
}
const name = values.name ?? preset;
const folders = values.seeds
  .split(',')
  .map((seed) => [seed, path.join(values.runs as string, seed)] as const);
for (const [seed, folder] of folders) await trainSeed(preset, seed, folder, values.set ?? []);
const runs = folders.map(([seed, folder]) => summarize(Number(seed), folder));
mkdirSync('bench/results', { recursive: true });
mkdirSync('docs/pictures', { recursive: true });
const machine = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`;
writeFileSync(
  path.join('bench', 'results', `${name}.json`),
  `${JSON.stringify({ preset, set: values.set ?? [], machine, runs: runs.map(({ curve: _, ...run }) => run) }, null, 2)}\n`,
);
const lines = ['random', 'blind'].flatMap((line) => {
  const means = runs.flatMap((run) => {
    const split = run.evaluation.splits.find((one) => one.name === `train/${line}`)?.games[0];
    return split === undefined ? [] : [split.mean_return];
  });
  const value = means.reduce((sum, mean) => sum + mean, 0) / means.length;
  return means.length === 0
    ? []
    : [{ label: line === 'blind' ? 'best blind policy' : 'random policy', value }];
});
const title = `${name}: return of the last 200 training episodes, ${runs.length} seeds`;
writeFileSync(
  path.join('docs', 'pictures', `${name}.svg`),
  drawCurves(
    title,
    runs.map((run) => run.curve),
    lines,
  ),
);

async function trainSeed(
  preset: string,
  seed: string,
  folder: string,
  sets: readonly string[],
): Promise<void> {
  if (existsSync(path.join(folder, 'result.json'))) return;
  const started = existsSync(path.join(folder, 'config.json'));
  const settings = [`seed=${seed}`, ...sets].flatMap((set) => ['--set', set]);
  const words = started ? ['resume', folder] : ['train', preset, '--run', folder, ...settings];
  await execa('node', ['bin/srwm.js', ...words], { stdio: 'inherit' });
}

/** What a finished run's own files say. */
function summarize(seed: number, folder: string) {
  const record = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as RunRecord;
  const events = readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunEvent);
  const evaluation = events.findLast((event) => event.type === 'evaluation');
  const end = events.findLast((event) => event.type === 'run_end');
  if (evaluation === undefined || end === undefined) throw new Error(`${folder} is not finished`);
  const curve: Curve = events.flatMap((event) =>
    event.type === 'update' && event.episode_return !== null
      ? [[event.env_steps, event.episode_return.mean] as const]
      : [],
  );
  return {
    seed,
    env_steps: end.env_steps,
    updates: end.updates,
    train_seconds: Math.round(end.seconds),
    threads: record.config.hardware.threads,
    parameters_sha256: end.parameters_sha256,
    evaluation: {
      splits: evaluation.splits,
      blind_search: evaluation.blind_search,
    } satisfies Partial<EvaluationReport>,
    curve,
  };
}
