/** Small runs for tests: configs, folders, and what their metric rows say. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import {
  parseAssignment,
  presetNamed,
  resolveConfig,
  type ResolvedConfig,
} from '../../../src/config/index.ts';
import { resumeRun, startRun } from '../../../src/runs/index.ts';
import { findSetup } from '../../../src/setup/index.ts';
import type { Places, RunEvent } from '../../../src/train/index.ts';
import { python, root } from '../../bridge/start-worker.ts';

export { isAlive, needsPython, python, rejection, root, until } from '../../bridge/start-worker.ts';

const setup = findSetup(root, process.env);

export const places: Places = {
  python: python ?? 'python3',
  pythonPath: path.join(root, 'py'),
  environment: setup?.environment ?? {},
  procgenLibrary: setup?.procgenLibrary ?? null,
  project: root,
};

/** An SRWM agent of 17,764 numbers on catch: 8 slots, 2 updates an unroll, 64 env steps an unroll. */
export const SMALL = [
  'environment.numEnvs=8',
  'train.batchSize=4',
  'train.unrollLength=8',
  'train.totalEnvSteps=640',
  'algorithm.passes=1',
  'checkpoint.everyUpdates=4',
  'evaluation.atEnd=false',
  'hardware.device=cpu',
  'hardware.threads=1',
];

/** The same sizes with V-trace. */
export const SMALL_IMPALA = [
  ...SMALL.filter((line) => !line.startsWith('algorithm')),
  'algorithm.kind=impala',
];

export function tiny(...sets: readonly string[]): ResolvedConfig {
  return resolveConfig(presetNamed('tiny').config(), 'preset tiny', sets.map(parseAssignment));
}

/** A folder that does not exist yet, removed after the test. */
export function newFolder(): string {
  const parent = mkdtempSync(path.join(tmpdir(), 'srwm-runs-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return path.join(parent, 'run');
}

export interface Watch {
  /** Called with every event, before the run goes on. */
  readonly onEvent?: (event: RunEvent, stop: () => void) => void;
  readonly places?: Places;
}

export function startSmall(resolved: ResolvedConfig, folder: string, watch: Watch = {}): Promise<RunEvent[]> {
  const stop = new AbortController();
  const options = { folder, places: watch.places ?? places, stop: stop.signal };
  return gather(startRun(resolved, 'tiny', options), watch, stop);
}

export function resumeSmall(folder: string, watch: Watch = {}): Promise<RunEvent[]> {
  const stop = new AbortController();
  return gather(resumeRun({ folder, places: watch.places ?? places, stop: stop.signal }), watch, stop);
}

async function gather(
  events: AsyncIterable<RunEvent>,
  { onEvent }: Watch,
  stop: AbortController,
): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) {
    all.push(event);
    onEvent?.(event, () => stop.abort());
  }
  return all;
}

type OfType<K extends RunEvent['type']> = Extract<RunEvent, { readonly type: K }>;

export function ofType<K extends RunEvent['type']>(events: readonly RunEvent[], type: K): OfType<K>[] {
  return events.filter((event): event is OfType<K> => event.type === type);
}

export function endOf(events: readonly RunEvent[]): OfType<'run_end'> {
  const end = ofType(events, 'run_end').at(-1);
  if (end === undefined) throw new Error('the run has no end');
  return end;
}

export function rows(folder: string, name = 'metrics.jsonl'): RunEvent[] {
  const file = path.join(folder, name);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RunEvent);
}

/** What must be equal, update by update, in two runs that are bit for bit the same. */
export function course(folder: string): unknown[] {
  return ofType(rows(folder), 'update').map((row) => ({
    index: row.index,
    env_steps: row.env_steps,
    losses: row.losses,
    grad_norm: row.grad_norm,
    learning_rate: row.learning_rate,
    policy_lag: row.policy_lag,
    episode_return: row.episode_return,
    episode_returns: row.episode_returns,
    normalized_return: row.normalized_return,
  }));
}
