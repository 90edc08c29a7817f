/** Training rules as loops over updates: no run directory, everything of your own that you want. */
import { loopConfig, resolveConfig, type Config, type LoopSettings } from '../config/index.ts';
import { setUpForScript } from '../setup/index.ts';
import {
  ownNames,
  printObservation,
  requireOwnParts,
  Session,
  updateLoop,
  type Debugged,
  type OwnParts,
  type RunEnd,
  type Update,
  type Warned,
} from '../train/index.ts';

/** Parts of your own, and a way to stop. */
export interface LoopParts extends OwnParts {
  /** Ends the loop at the next border between unrolls. */
  readonly signal?: AbortSignal;
  /** Hears what `debug.print` and `debug.watch` see; without it they print on stderr. */
  readonly onDebug?: (event: Debugged) => void;
  /** Hears of what did not end the loop, such as a fault of an environment; without it that goes to stderr. */
  readonly onWarning?: (event: Warned) => void;
}
/** What `impala` may be told; only `env` is required. */
export type ImpalaLoop = LoopSettings<'impala'> & LoopParts;
/** What `ppo` may be told; only `env` is required. */
export type PpoLoop = LoopSettings<'ppo'> & LoopParts;
/** What a loop returns behind its last update. */
export type LoopEnd = Omit<RunEnd, 'type' | 'run'>;

/**
 * IMPALA (Espeholt et al. 2018): collects unrolls and yields each update, until `totalEnvSteps`. Starts its own worker
 * and stops it at the end, also when you `break`.
 *
 * @example
 * for await (const update of impala({ env: procgen({ games: ['bigfish'] }), policy: policy({ core }), loss }))
 *   if (update.index % 100 === 0) console.log(update.env_steps, update.losses);
 * @throws SrwmError CONFIG_INVALID, CONFIG_UNKNOWN_KEY, GRAPH_*, NUMERICS_NONFINITE, WORKER_LOST and others
 */
export async function* impala(settings: ImpalaLoop): AsyncGenerator<Update, LoopEnd> {
  const { rest, ...parts } = split('impala', settings);
  return yield* loop(loopConfig('impala', rest), parts);
}

/**
 * PPO (Schulman et al. 2017): as `impala`, with several passes over each unroll in random groups of env columns.
 *
 * @example for await (const update of ppo({ env: catchGame({ numEnvs: 16 }), totalEnvSteps: 20_000 })) console.log(update.losses);
 * @throws SrwmError CONFIG_INVALID, CONFIG_UNKNOWN_KEY, GRAPH_*, NUMERICS_NONFINITE, WORKER_LOST and others
 */
export async function* ppo(settings: PpoLoop): AsyncGenerator<Update, LoopEnd> {
  const { rest, ...parts } = split('ppo', settings);
  return yield* loop(loopConfig('ppo', rest), parts);
}

function split<S extends LoopParts>(who: string, settings: S) {
  const { encoder, core, policy, loss, gradients, curriculum, signal, onDebug, onWarning, ...rest } =
    settings;
  const own: OwnParts = {
    ...(encoder !== undefined && { encoder }),
    ...(core !== undefined && { core }),
    ...(policy !== undefined && { policy }),
    ...(loss !== undefined && { loss }),
    ...(gradients !== undefined && { gradients }),
    ...(curriculum !== undefined && { curriculum }),
  };
  return {
    own: requireOwnParts(own, `${who}({...})`),
    stop: signal ?? new AbortController().signal,
    onWarning: onWarning ?? (({ message }: Warned) => void process.stderr.write(`warning: ${message}\n`)),
    onDebug: onDebug ?? ((event: Debugged) => printObservation(event, `update ${event.update}`)),
    rest,
  };
}

async function* loop(
  given: Config,
  parts: Omit<ReturnType<typeof split>, 'rest'>,
): AsyncGenerator<Update, LoopEnd> {
  const { own, stop } = parts;
  const { config } = resolveConfig(given, 'script', [], ownNames(own));
  const places = await setUpForScript(stop);
  await using session = await Session.start(places, config.hardware, { logFile: null });
  const { type: _type, run: _run, ...end } = yield* updateLoop({ session, config, places, ...parts });
  return end;
}
