/**
 * Looking at values while a graph runs. A probe adds scalar outputs to the graph that is being traced; a graph without
 * probes is the same to the byte. What the outputs say is read in `observation.ts`.
 */
import type { Dtype } from '../../bridge/protocol/graph-spec.ts';
import type { Dims } from './dims.ts';
import { isFloating } from './dtype.ts';
import { GraphError } from './errors.ts';
import { clamp, div, logicalAnd, logicalNot, sub, where } from './functions/arithmetic.ts';
import { cast, log, sqrt, square, stopGradient } from './functions/elementwise.ts';
import { all } from './functions/ordering.ts';
import { isfinite } from './functions/pointwise.ts';
import { amax, amin, argmax, sum } from './functions/reductions.ts';
import { flatten, select } from './functions/shapes.ts';
import { captureCallSite, describeCallSite, type CallSite } from './location.ts';
import { formatShape, sizeOf } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { currentTrace, requireOwn, type Probe, type ProbeKind, type Trace } from './trace.ts';

/** How often a probe speaks. */
export interface ProbeOptions {
  /** Only at updates 0, n, 2n, ...; default 1. A graph that is run once ignores it. */
  readonly every?: number;
}

/** How many elements `debug.print` shows. */
const SHOWN = 8;
/** Stands in for what is not finite: an infinity here would be taken for the place where one began. */
const LARGEST = { float32: 3.4028234663852886e38, float64: Number.MAX_VALUE } as const;

let isObserved = true;

/** Runs `body` without any probe: acting is not what a person debugs, and must stay as fast as it is. */
export function unobserved<R>(body: () => R): R {
  const before = isObserved;
  isObserved = false;
  try {
    return body();
  } finally {
    isObserved = before;
  }
}

/**
 * Looks at tensors while a traced function runs: in a loss or a model during training, or in any graph that you run
 * with `session.compute`. Acting and evaluating leave it out. Names get the scope in front, as parameters do.
 *
 * @example debug.print(h, 'hidden'); debug.watch({ logits, values }); debug.assertFinite(loss, 'loss');
 */
export const debug = {
  /**
   * Prints shape, dtype, statistics and the first values of `tensor` with your line, and returns it. In a `scan` it
   * prints all steps together, [T, ...].
   *
   * @example const h = debug.print(relu(x), 'hidden', { every: 100 });
   * @throws GraphError GRAPH_NAME, GRAPH_ARGUMENT, GRAPH_DTYPE for a random key, GRAPH_CAPTURE
   */
  print<S extends Dims>(tensor: Tensor<S>, name: string, options: ProbeOptions = {}): Tensor<S> {
    return probe('print', 'debug.print', tensor, name, options);
  },

  /**
   * Ends the run with NUMERICS_ASSERTION where an element of `tensor` is NaN or infinite: update, name, your line, and
   * where it began. The update is not applied. Returns the tensor.
   *
   * @example const ratio = debug.assertFinite(logRatio.exp(), 'ratio');
   * @throws GraphError GRAPH_NAME, GRAPH_DTYPE for a tensor that is not floating, GRAPH_CAPTURE
   */
  assertFinite<S extends Dims>(tensor: Tensor<S>, name: string): Tensor<S> {
    return probe('finite', 'debug.assertFinite', tensor, name, {});
  },

  /**
   * A list of tensors whose statistics (min, max, mean, std, share of elements that are not finite) come as `debug`
   * events of the run, and are kept in its metrics.jsonl.
   *
   * @example debug.watch({ hidden: h, logits }, { every: 10 });
   * @throws GraphError GRAPH_NAME, GRAPH_ARGUMENT, GRAPH_DTYPE for a random key, GRAPH_CAPTURE
   */
  watch(tensors: Readonly<Record<string, Tensor>>, options: ProbeOptions = {}): void {
    for (const [name, tensor] of Object.entries(tensors))
      probe('watch', 'debug.watch', tensor, name, options);
  },
} as const;

function probe<S extends Dims>(
  kind: ProbeKind,
  who: string,
  tensor: Tensor<S>,
  name: string,
  { every = 1 }: ProbeOptions,
): Tensor<S> {
  const site = captureCallSite(probe);
  const trace = currentTrace(who, site);
  requireOwn(who, tensor, trace, site);
  const refuse = (
    code: 'GRAPH_NAME' | 'GRAPH_ARGUMENT' | 'GRAPH_DTYPE',
    fault: string,
    mend: string,
  ): never => {
    throw new GraphError(code, `${who}: ${fault}.`, mend, site);
  };
  if (typeof name !== 'string' || !/^[\w.-]+(\/[\w.-]+)*$/.test(name))
    refuse(
      'GRAPH_NAME',
      `the name must be letters, digits, "_", "-", "." and "/", got "${name}"`,
      'Choose a name like "hidden".',
    );
  if (!Number.isInteger(every) || every < 1)
    refuse('GRAPH_ARGUMENT', `every must be a positive integer, got ${every}`, 'Write { every: 100 }.');
  if (tensor.dtype === 'key')
    refuse('GRAPH_DTYPE', 'a random key has no elements', 'Look at what is drawn with it.');
  if (sizeOf(tensor.shape) === 0)
    refuse(
      'GRAPH_ARGUMENT',
      `"${name}" must have an element, got ${formatShape(tensor.shape)}`,
      'Look at another tensor.',
    );
  if (kind === 'finite' && !isFloating(tensor.dtype))
    refuse(
      'GRAPH_DTYPE',
      `"${name}" must be floating, got ${tensor.dtype}, which is always finite`,
      'Leave it out.',
    );
  if (isObserved) {
    const path = trace.scope === '' ? name : `${trace.scope}/${name}`;
    observe(trace, { kind, name: path, every, tensor, site, isStacked: false, statistics: {} });
  }
  return tensor;
}

/** Adds a probe to a trace: with its statistics at the outermost, as it is in a body that hands it on. */
export function observe(trace: Trace, given: Probe): void {
  if (trace.parent !== null) {
    trace.probes.push(given);
    return;
  }
  const taken = (name: string): boolean =>
    trace.probes.some((one) => one.kind === given.kind && one.name === name);
  let { name } = given;
  for (let i = 2; taken(name); i++) name = `${given.name}#${i}`;
  trace.probes.push({ ...given, name, statistics: statisticsOf(given.kind, given.tensor) });
}

/** The outputs of a traced function together with those of its probes, under `debug/`. */
export function withProbes(trace: Trace, outputs: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const made = new Map(outputs);
  const conditions = trace.probes.flatMap(({ statistics: { isFinite } }) => isFinite ?? []);
  const loss = outputs.get('loss');
  if (loss !== undefined && conditions.length > 0) {
    // -infinity where an assertion fails: the worker then skips the update, as it does for any loss that is not finite.
    const holds = conditions.reduce(logicalAnd);
    made.set('loss', where(holds, loss, log(cast(holds, loss.dtype))));
  }
  for (const one of trace.probes) {
    for (const [statistic, tensor] of Object.entries(one.statistics)) {
      if (statistic !== 'isFinite') made.set(outputName(one, statistic), tensor);
    }
  }
  return made;
}

/** The graph's output that holds a statistic of a probe. */
export function outputName({ kind, name }: Pick<Probe, 'kind' | 'name'>, statistic: string): string {
  return `debug/${kind}/${name}/${statistic}`;
}

/** Refuses probes in a program that runs where nobody reads them. */
export function refuseProbes(probes: readonly { readonly site: CallSite }[], where: string): void {
  const [first] = probes;
  if (first === undefined) return;
  throw new GraphError(
    'GRAPH_ARGUMENT',
    `debug: values can be looked at in a loss, a model or a graph that you run with compute, but not in ${where}.`,
    'Trace the same program by itself and run it once with session.compute.',
    first.site,
  );
}

/** Of the finite elements; `count` says how many they are. */
function statisticsOf(kind: ProbeKind, tensor: Tensor): Readonly<Record<string, Tensor>> {
  const x = stopGradient(tensor);
  const dtype = ['float64', 'int64', 'int32'].includes(x.dtype) ? 'float64' : 'float32';
  const values = x.dtype === dtype ? x : cast(x, dtype);
  const finite = isfinite(values);
  const count = sum(finite);
  if (kind === 'finite') {
    const first = argmax(cast(flatten(logicalNot(finite)), 'float32'));
    return { count, first, isFinite: all(finite) };
  }
  const number = clamp(cast(count, dtype), 1, null);
  const mean = div(sum(where(finite, values, 0)), number);
  const deviations = where(finite, sub(values, mean), 0);
  const flat = flatten(values);
  const shown = kind === 'print' ? Math.min(SHOWN, sizeOf(tensor.shape)) : 0;
  return {
    count,
    min: amin(where(finite, values, LARGEST[dtype])),
    max: amax(where(finite, values, -LARGEST[dtype])),
    mean,
    std: sqrt(div(sum(square(deviations)), number)),
    ...Object.fromEntries(Array.from({ length: shown }, (_, i) => [`value${i}`, select(flat, 0, i)])),
  };
}

/** A probe as its graph knows it. */
export interface GraphProbe extends Pick<Probe, 'kind' | 'name' | 'every' | 'isStacked' | 'site'> {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** `file:line:column` of the call. */
  readonly line: string;
  /** What the graph puts out about it, each under `outputName`. */
  readonly statistics: readonly string[];
}

export function describeProbe({ kind, name, every, tensor, site, isStacked, statistics }: Probe): GraphProbe {
  return {
    kind,
    name,
    every,
    shape: tensor.shape,
    dtype: tensor.dtype,
    line: describeCallSite(site),
    isStacked,
    statistics: Object.keys(statistics).filter((statistic) => statistic !== 'isFinite'),
    site,
  };
}
