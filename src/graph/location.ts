/**
 * Where in the author's TypeScript a node was made.
 *
 * Capturing costs some microseconds because V8 formats a stack only when `.stack` is read: so it is read when the
 * graph is finished or an error needs it, never per node while tracing. Reading takes V8's frames as they are and
 * looks each place up once: formatting twelve lines a node, to read one of them, was half of what tracing cost.
 */
import { readFileSync } from 'node:fs';
import { findSourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A stack: unread, or read as text or as V8's frames. */
export interface CallSite {
  stack?: string | readonly NodeJS.CallSite[];
}

export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const FRAME_LIMIT = 12;
/** For a node with a body: a core's scan lies deep inside the library, and its faults are the caller's. */
export const BODY_FRAME_LIMIT = 24;
const LOADED = fileURLToPath(new URL('../', import.meta.url)).replaceAll('\\', '/');
/** This package's `src` as it is loaded and as its source maps name it: a program decides whether they are on. */
const SOURCE_FOLDERS = [...new Set([LOADED, LOADED.replace('/dist/src/', '/src/')])];
/** Frames in these folders are never the author: they only pass a call on to the tracer. */
const PASSED_ON = SOURCE_FOLDERS.flatMap((folder) => [`${folder}graph/`, `${folder}nn/`]);

/** Whether a frame's file is this package's own. */
export function isLibrary(file: string): boolean {
  return SOURCE_FOLDERS.some((folder) => file.startsWith(folder));
}

/** Remembers the current stack, without the frames above `below`. */
export function captureCallSite(below: (...args: never[]) => unknown, frameLimit = FRAME_LIMIT): CallSite {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frameLimit;
  const site: CallSite = {};
  Error.captureStackTrace(site, below);
  Error.stackTraceLimit = limit;
  return site;
}

/** All frames outside the tracer and the layers, innermost first. */
export function* authorFrames(site: CallSite): Generator<Frame, void> {
  const stack = readStack(site);
  const places = typeof stack === 'string' ? stack.split('\n') : stack;
  for (const place of places) {
    const frame = typeof place === 'string' ? frameOfLine(place) : frameOf(place);
    if (frame !== null) yield frame;
  }
}

/** V8's frames; as text where somebody else, such as a test runner, decides how stacks are made. */
function readStack(site: CallSite): string | readonly NodeJS.CallSite[] {
  const former = Error.prepareStackTrace;
  if (former !== undefined && former.name !== NODES_OWN) return site.stack ?? '';
  Error.prepareStackTrace = (_, frames) => frames;
  try {
    // Kept by the site itself: a second reading gives what the first one made.
    return site.stack ?? '';
  } finally {
    Error.prepareStackTrace = former;
  }
}

/** What newer versions of Node set where older ones set nothing. */
const NODES_OWN = 'ErrorPrepareStackTrace';

/** Author's frames by file, and by line and column; null for places that are none. */
const known = new Map<string, Map<number, Frame | null>>();
const MOST_COLUMNS = 2 ** 20;

function frameOf(site: NodeJS.CallSite): Frame | null {
  const [file, line, column] = [site.getFileName(), site.getLineNumber(), site.getColumnNumber()];
  if (typeof file !== 'string' || line === null || column === null) return null;
  let places = known.get(file);
  if (places === undefined) known.set(file, (places = new Map()));
  const key = line * MOST_COLUMNS + column;
  let frame = places.get(key);
  if (frame === undefined) places.set(key, (frame = authored(original(file, line, column))));
  return frame;
}

/** The place in the source that the loaded code was made from, where source maps are on. */
function original(file: string, line: number, column: number): Frame | null {
  const entry = findSourceMap(file)?.findEntry(line - 1, column - 1);
  return entry !== undefined && 'originalSource' in entry
    ? frameAt(entry.originalSource, entry.originalLine + 1, entry.originalColumn + 1)
    : frameAt(file, line, column);
}

const knownLines = new Map<string, Frame | null>();
/** Lines of a stack name functions too, so that they have no natural bound. */
const MOST_LINES = 10_000;

function frameOfLine(line: string): Frame | null {
  let frame = knownLines.get(line);
  if (frame !== undefined) return frame;
  const match = /(?:\(|at )((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(line.trim());
  frame = match === null ? null : authored(frameAt(match[1] as string, Number(match[2]), Number(match[3])));
  if (knownLines.size >= MOST_LINES) knownLines.clear();
  knownLines.set(line, frame);
  return frame;
}

function frameAt(raw: string, line: number, column: number): Frame | null {
  if (!raw.startsWith('file:') && !raw.startsWith('/')) return null;
  const file = (raw.startsWith('file:') ? fileURLToPath(raw) : raw).replaceAll('\\', '/');
  return { file, line, column };
}

function authored(frame: Frame | null): Frame | null {
  return frame === null || PASSED_ON.some((folder) => frame.file.startsWith(folder)) ? null : frame;
}

/** `file:line:column` of the author, with the path relative to the working directory where it lies inside. */
export function describeCallSite(site: CallSite): string {
  for (const frame of authorFrames(site)) return formatFrame(frame);
  return 'unknown';
}

export function formatFrame(frame: Frame): string {
  const here = `${process.cwd().replaceAll('\\', '/')}/`;
  const file = frame.file.startsWith(here) ? frame.file.slice(here.length) : frame.file;
  return `${file}:${frame.line}:${frame.column}`;
}

/** The source line of a frame with a caret under its column; empty when the file cannot be read. */
export function quoteSource(frame: Frame): string {
  const text = sourceLine(frame.file, frame.line);
  if (text === null) return '';
  const indent = text.length - text.trimStart().length;
  const caret = ' '.repeat(Math.max(0, frame.column - 1 - indent));
  return `        ${text.trim()}\n        ${caret}^`;
}

/** A line of a file, counted from 1; null when it cannot be read. */
export function sourceLine(file: string, line: number): string | null {
  try {
    return readFileSync(file, 'utf8').split('\n')[line - 1] ?? null;
  } catch {
    return null;
  }
}
