/** Calls a colleague's Python from a script. Never on the training path: tensors and graphs go through the worker. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { callerStack, withTrace } from '../../bridge/client/traces.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { authorFrames, captureCallSite } from '../graph/location.ts';
import { setUpForScript, type Setup } from '../setup/index.ts';
import { noFile, raised, refused, type Raised, type Refused } from './faults.ts';
import { Interpreter, type CallLimits } from './interpreter.ts';
import { encode, untag } from './values.ts';

export type { PythonValue } from './values.ts';

/** How a colleague's interpreter is found, and how long a call may take. */
export interface PythonOptions {
  /** How long loading the file and each call may take, from when its turn comes; null waits for ever. Default two minutes. */
  readonly timeoutMs?: number | null;
  /** Ends the call that is in progress, and the interpreter with it: Python cannot be stopped half-way. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/** A Python file whose functions' types were not given: what they take and return is known to the colleague only. */
export interface UntypedModule extends AsyncDisposable {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- unknown would make every call of them a cast
  readonly [name: string]: any;
}

/** A Python file: each of its functions, as an async one. */
export type PythonModule<Functions> = {
  readonly [Name in keyof Functions]: Functions[Name] extends (...values: infer Values) => infer Result
    ? (...values: [...Values, keywords?: Keywords]) => Promise<Awaited<Result>>
    : never;
} & AsyncDisposable;

/** Arguments that Python takes by name; made by {@link keywords}. */
export class Keywords {
  readonly values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values;
  }
}

/**
 * Passes arguments by name, as the last argument of a call.
 *
 * @example await plots.curve(returns, keywords({ title: 'starpilot', dpi: 150 }))
 */
export function keywords(values: Readonly<Record<string, unknown>>): Keywords {
  return new Keywords(values);
}

let interpreter: Promise<Interpreter> | null = null;

/**
 * Loads a colleague's Python file in the project's own `.venv` and returns its functions, each as an async one.
 *
 * Numbers, text, lists and plain objects travel, both ways, as strict JSON with NaN and the infinities carried; a whole
 * number arrives as an int. Arrays of more than 16,384 numbers, typed arrays, BigInt, Map and Date are refused. One
 * interpreter serves the whole script, one call at a time, in the order in which they were made; a file is loaded once.
 * What Python prints goes to stderr. The interpreter ends with the script; `closePython()` and `await using` end it sooner.
 *
 * @param file A path, relative to the file that calls, or a URL: `new URL('./analysis.py', import.meta.url)`.
 * @example
 * const stats = await python<{ summary(run: { returns: number[] }): { mean: number } }>('./analysis.py');
 * const { mean } = await stats.summary({ returns: [1, 2, Number.NaN] });
 * @throws SrwmError PYTHON_FILE, PYTHON_IMPORT, PYTHON_START, SETUP_*; a call: PYTHON_EXCEPTION with the file and line of
 * the colleague, PYTHON_VALUE, PYTHON_SIZE, PYTHON_FUNCTION, PYTHON_TIMEOUT, PYTHON_LOST, PYTHON_CLOSED,
 * REQUEST_CANCELLED or the signal's own reason
 */
export function python(file: string | URL, options?: PythonOptions): Promise<UntypedModule>;
export function python<Functions>(
  file: string | URL,
  options?: PythonOptions,
): Promise<PythonModule<Functions>>;
export async function python(file: string | URL, options: PythonOptions = {}): Promise<UntypedModule> {
  const trace = callerStack();
  const place = placeOf(file, [...authorFrames(captureCallSite(python))][0]?.file);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  requireTimeout(timeoutMs);
  const setup = await setUpForScript(signal);
  interpreter ??= startInterpreter(setup);
  const name = path.basename(place);
  try {
    const running = await interpreter;
    const module = await load(running, place, name, { timeoutMs, signal });
    return handle(running, module, name, { timeoutMs, signal });
  } catch (error) {
    throw error instanceof SrwmError ? withTrace(error, trace) : error;
  }
}

async function load(running: Interpreter, place: string, name: string, limits: CallLimits): Promise<number> {
  running.retain();
  try {
    const text = await running.call(`the import of ${name}`, JSON.stringify({ file: place }), limits);
    return answerOf(name, true, text) as number;
  } catch (error) {
    await running.release();
    throw error;
  }
}

/**
 * Ends the interpreter of this script, if there is one. The next `python(...)` starts another.
 *
 * @example await closePython()
 */
export async function closePython(): Promise<void> {
  const running = await interpreter?.catch(() => null);
  await running?.close();
}

function startInterpreter(setup: Setup): Promise<Interpreter> {
  const forget = (): void => {
    if (interpreter === started) interpreter = null;
  };
  const started = Interpreter.start(setup, forget).catch((error: unknown) => {
    forget();
    throw error;
  });
  return started;
}

function requireTimeout(timeoutMs: number | null): void {
  if (timeoutMs === null || (timeoutMs > 0 && timeoutMs <= 2 ** 31 - 1)) return;
  throw new SrwmError(
    'PYTHON_VALUE',
    `python: timeoutMs must be milliseconds above 0 and below 2**31, or null, got ${timeoutMs}.`,
    { remedy: 'Write null to wait for ever.' },
  );
}

function placeOf(file: string | URL, caller: string | undefined): string {
  const asked = file instanceof URL || file.startsWith('file:') ? fileURLToPath(file) : file;
  const place = path.resolve(caller === undefined ? process.cwd() : path.dirname(caller), asked);
  if (!existsSync(place) || !statSync(place).isFile() || !place.endsWith('.py')) {
    throw noFile(String(file), place);
  }
  return realpathSync(place);
}

function handle(running: Interpreter, module: number, file: string, limits: CallLimits): UntypedModule {
  const functions = new Map<string, (...values: readonly unknown[]) => Promise<unknown>>();
  let isOpen = true;
  const dispose = async (): Promise<void> => {
    if (isOpen) await running.release();
    isOpen = false;
  };
  const get = (_: unknown, name: string | symbol): unknown => {
    if (name === Symbol.asyncDispose) return dispose;
    // `then` would make an awaited module call Python; `toJSON` a printed one.
    if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined;
    const known = functions.get(name);
    if (known !== undefined) return known;
    const made = functionOf(running, module, name, `${name} of ${file}`, limits);
    functions.set(name, made);
    return made;
  };
  return new Proxy({}, { get }) as UntypedModule;
}

function functionOf(
  running: Interpreter,
  module: number,
  name: string,
  call: string,
  limits: CallLimits,
): (...values: readonly unknown[]) => Promise<unknown> {
  return async function invoke(...values) {
    const trace = callerStack();
    try {
      const last = values.at(-1);
      const named = last instanceof Keywords ? last.values : {};
      const positional = last instanceof Keywords ? values.slice(0, -1) : values;
      const request = { module, function: name, ...encode(positional, named, call) };
      return answerOf(call, false, await running.call(call, JSON.stringify(request), limits));
    } catch (error) {
      throw error instanceof SrwmError ? withTrace(error, trace) : error;
    }
  };
}

type Answer =
  | { readonly value: unknown }
  | { readonly tagged: unknown }
  | { readonly raised: Raised }
  | { readonly refused: Refused };

function answerOf(call: string, importing: boolean, text: string): unknown {
  const answer = JSON.parse(text) as Answer;
  if ('value' in answer) return answer.value;
  if ('tagged' in answer) return untag(answer.tagged);
  if ('raised' in answer) throw raised(call, importing, answer.raised);
  throw refused(call, answer.refused);
}
