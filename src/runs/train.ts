/** Training from a script: one object that can be iterated for its events and awaited for its result. */
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { resolveConfig, type Config } from '../config/index.ts';
import type { EvaluationRequest } from '../evaluate/index.ts';
import type { EvaluationReport } from '../metrics/index.ts';
import { setUpForScript } from '../setup/index.ts';
import { ownNames, printObservation, type RunEnd, type RunEvent, type Update } from '../train/index.ts';
import { definitionOf, type RunDefinition } from './definition.ts';
import { nameOf, newRunFolder } from './folder.ts';
import { evaluateRun, type KeptEvaluation } from './evaluate.ts';
import { startRun } from './runs.ts';

/** Where a run goes, how it is stopped, and who hears of it. */
export interface TrainOptions {
  /** The run directory; it must not hold a run yet. Default: `runs/<game>-<time>`. */
  readonly folder?: string;
  /** Ends the run at the next border between unrolls, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Called after each update. */
  readonly onUpdate?: (update: Update) => void;
  /** Called with every event, updates included. */
  readonly onEvent?: (event: RunEvent) => void;
}

/** What a script may ask of an evaluation; everything else is as the run says. */
export interface EvaluateOptions extends EvaluationRequest {
  /** Also the random policy and, if the run says so, the best one that never looks. */
  readonly baselines?: boolean;
  readonly signal?: AbortSignal;
}

/** How a run ended, and what can be done with it. */
export interface RunResult extends Omit<RunEnd, 'type'> {
  /** Of the evaluation at the end, where the configuration asks for one. */
  readonly evaluation: EvaluationReport | null;
  /** Plays whole episodes with the newest checkpoint. */
  evaluate(options?: EvaluateOptions): Promise<KeptEvaluation>;
}

/** A run that goes on while it is iterated or awaited. */
export interface Run extends AsyncIterable<RunEvent>, PromiseLike<RunResult> {
  /** The run directory, absolute. */
  readonly folder: string;
}

const OPTIONS = ['folder', 'signal', 'onUpdate', 'onEvent'] as const satisfies (keyof TrainOptions)[];

/** A misspelt listener would never be called, without a word. */
function requireOptions(options: TrainOptions): void {
  const unknown = Object.keys(options).filter((name) => !(OPTIONS as readonly string[]).includes(name));
  if (unknown.length === 0) return;
  throw new SrwmError(
    'CONFIG_UNKNOWN_KEY',
    `train: options must be of ${OPTIONS.join(', ')}, got ${unknown.join(', ')}.`,
    { remedy: 'Keys of the configuration belong to the preset: presets.tiny({ seed: 7 }).' },
  );
}

/**
 * Trains a configuration, or a definition with parts of your own, in a run directory. Iterate it for every event, the
 * last of which is `run_end`; or await it for its result. It does nothing until one of both. Sets the machine up first
 * where that is not done.
 *
 * @example const { evaluation } = await train(presets.tiny(), { onUpdate: ({ index }) => console.log(index) });
 * @example for await (const event of train(presets.tiny(), { folder: 'runs/mine' })) console.log(event.type);
 * @throws SrwmError CONFIG_INVALID, RUN_EXISTS, SETUP_*, NUMERICS_NONFINITE, WORKER_LOST and others, each with a remedy
 */
export function train(what: Config | RunDefinition, options: TrainOptions = {}): Run {
  const { config, own } = definitionOf(what) ?? { config: what as Config, own: {} };
  requireOptions(options);
  const resolved = resolveConfig(config, 'script', [], ownNames(own));
  const folder = path.resolve(options.folder ?? newRunFolder(nameOf(resolved.config)));
  const stop = options.signal ?? new AbortController().signal;
  let ended: RunEnd | null = null;
  let evaluation: EvaluationReport | null = null;

  async function* events(): AsyncGenerator<RunEvent, void> {
    const places = await setUpForScript(stop);
    for await (const event of startRun(resolved, 'script', { folder, places, stop, own })) {
      if (event.type === 'evaluation') evaluation = event;
      if (event.type === 'run_end') ended = event;
      options.onEvent?.(event);
      if (event.type === 'update') options.onUpdate?.(event);
      if (event.type === 'debug' && event.kind === 'print') printObservation(event, `update ${event.update}`);
      yield event;
    }
  }
  const stream = events();

  async function finish(): Promise<RunResult> {
    for await (const _ of stream);
    if (ended === null) throw new SrwmError('RUN_ABANDONED', `run: "${folder}" was left before its end.`);
    const { type: _type, ...end } = ended;
    return {
      ...end,
      evaluation,
      evaluate: async (given = {}) => {
        const signal = given.signal ?? new AbortController().signal;
        const places = await setUpForScript(signal);
        return evaluateRun({ ...given, folder, places, own, baselines: given.baselines ?? false, signal });
      },
    };
  }
  let result: Promise<RunResult> | null = null;
  return {
    folder,
    [Symbol.asyncIterator]: () => stream,
    then: (onResult, onError) => (result ??= finish()).then(onResult, onError),
  };
}
