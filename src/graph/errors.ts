/** Errors of the tracer: each names the op, what it required, what came, and the author's line. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { authorFrames, formatFrame, isLibrary, quoteSource, type CallSite } from './location.ts';

/** Codes of the errors that tracing may throw; each has a heading in docs/troubleshooting.md. */
export type GraphCode =
  | 'GRAPH_SHAPE'
  | 'GRAPH_DTYPE'
  | 'GRAPH_ARGUMENT'
  | 'GRAPH_CAPTURE'
  | 'GRAPH_NAME'
  | 'GRAPH_TRACE'
  | 'GRAPH_TOO_LARGE'
  | 'GRAPH_NO_GRADIENT'
  | 'GRAPH_INVALID';

/** Thrown by shape and dtype rules, which know no names and no lines; `emit` turns it into a GraphError. */
export class RuleFault extends Error {
  readonly code: GraphCode;
  constructor(code: GraphCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function shapeFault(message: string): never {
  throw new RuleFault('GRAPH_SHAPE', message);
}

export function dtypeFault(message: string): never {
  throw new RuleFault('GRAPH_DTYPE', message);
}

export function argumentFault(message: string): never {
  throw new RuleFault('GRAPH_ARGUMENT', message);
}

/** A fault of a traced program, with the author's line quoted and a caret under the call. */
export class GraphError extends SrwmError {
  override readonly name = 'GraphError';

  constructor(code: GraphCode, message: string, remedy: string, site: CallSite) {
    super(code, `${message}\n${placeOf(site)}`, { remedy });
  }
}

/** `at model.ts:21:53` with its source line; when that is library code, the caller outside it as well. */
function placeOf(site: CallSite): string {
  const frames = [...authorFrames(site)].filter((frame) => !frame.file.includes('/node_modules/vitest/'));
  const first = frames[0];
  if (first === undefined) return '    at an unknown line';
  const lines = [`    at ${formatFrame(first)}`, quoteSource(first)];
  const outside = frames.find((frame) => !isLibrary(frame.file));
  if (outside !== undefined && outside !== first)
    lines.push(`    called from ${formatFrame(outside)}`, quoteSource(outside));
  return lines.filter((line) => line !== '').join('\n');
}
