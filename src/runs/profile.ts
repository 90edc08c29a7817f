/** `srwm profile`: what one update takes, line by line. */
import type { ResolvedConfig } from '../config/index.ts';
import { sourceLine } from '../graph/index.ts';
import { lineTimes, type LineTime } from '../inspect/index.ts';
import { measureUpdates, Session, type Measurement, type OwnParts, type Places } from '../train/index.ts';

/** One line; all numbers are means over the updates that were measured. */
export interface ProfiledLine extends LineTime {
  /** The line itself, without its indentation; '' where the file cannot be read. */
  readonly text: string;
  /** Of one update. */
  readonly share: number;
}

/** Time of one update, together with its share of the unroll that it learns from. */
export interface ProfileReport {
  readonly device: string;
  readonly threads: number;
  /** Updates that were measured; everything below is a mean over them. */
  readonly updates: number;
  /** Wall time of one update without the profiler. */
  readonly plain_seconds: number;
  /** The same under the profiler: the sum of all rows below. */
  readonly seconds: number;
  /** The longest first. */
  readonly lines: readonly ProfiledLine[];
  /** What belongs to no line, in a fixed order. */
  readonly other: readonly { readonly name: string; readonly seconds: number; readonly share: number }[];
  readonly trace: string | null;
}

export interface ProfileRequest {
  readonly places: Places;
  readonly own?: OwnParts;
  readonly warmUp: number;
  readonly unrolls: number;
  /** Absolute path of a Chrome trace to write, or null. */
  readonly trace: string | null;
  readonly signal: AbortSignal;
}

/** Trains fresh parameters for some unrolls and says where the time went. Writes no run. */
export async function profileConfig(
  { config }: ResolvedConfig,
  { places, own = {}, signal, ...schedule }: ProfileRequest,
): Promise<ProfileReport> {
  await using session = await Session.start(places, config.hardware, { logFile: null, signal });
  const measured = await measureUpdates({ session, config, places, own, ...schedule });
  const { threads } = session.worker.hello;
  return { device: session.device, threads, ...profileOf(measured), trace: schedule.trace };
}

/** The means over all measured updates. */
export function profileOf(measured: Measurement): Omit<ProfileReport, 'device' | 'threads' | 'trace'> {
  const { plain, profiled, nodes, acting, graphs } = measured;
  const { updates, wall } = profiled;
  const lines = lineTimes(nodes, graphs, acting).map((line) => ({
    ...line,
    text: sourceLine(line.file, line.line)?.trim() ?? '',
    act_seconds: line.act_seconds / updates,
    forward_seconds: line.forward_seconds / updates,
    backward_seconds: line.backward_seconds / updates,
    seconds: line.seconds / updates,
    calls: line.calls / updates,
    share: line.seconds / wall,
  }));
  return {
    updates,
    plain_seconds: plain.wall / plain.updates,
    seconds: wall / updates,
    lines,
    other: otherTimes(measured).map(([name, seconds]) => ({
      name,
      seconds: seconds / updates,
      share: seconds / wall,
    })),
  };
}

/** Everything between the lines and the wall: together with the lines it is the whole. */
function otherTimes({ profiled, nodes, others, acting, learning }: Measurement): [string, number][] {
  const linesOf = (wanted: (hash: string) => boolean): number =>
    nodes
      .filter(({ graph }) => wanted(graph))
      .reduce((sum, one) => sum + one.forward_seconds + one.backward_seconds, 0);
  const named = others.reduce((sum, { seconds }) => sum + seconds, 0);
  const { env, act, learn, optimizer, worker, wall } = profiled;
  const rest = linesOf((hash) => !acting.has(hash) && !learning.has(hash));
  return [
    ['env steps', env],
    ['optimizer: transform, clip, step', optimizer],
    ['gradients added to parameters', named],
    ['acting, between lines', act - linesOf((hash) => acting.has(hash))],
    ['learning, between lines', learn - linesOf((hash) => learning.has(hash)) - named],
    ['worker, between requests', worker - env - act - learn - optimizer - rest],
    ['bridge and TypeScript', wall - worker],
  ];
}
