/**
 * Where in the author's TypeScript a node was made.
 *
 * Capturing costs about 2 us because V8 formats a stack only when `.stack` is read: so it is read when the
 * graph is finished or an error needs it, never per node while tracing.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** An unread stack. */
export interface CallSite {
  stack?: string;
}

export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const FRAME_LIMIT = 12;
const GRAPH_FOLDER = folderOf(import.meta.url);
const SOURCE_FOLDER = GRAPH_FOLDER.replace(/graph\/$/, '');
/** Frames in these folders are never the author: they only pass a call on to the tracer. */
const PASSED_ON = [GRAPH_FOLDER, `${SOURCE_FOLDER}nn/`];

function folderOf(url: string): string {
  return fileURLToPath(new URL('.', url)).replaceAll('\\', '/').replace('/dist/src/', '/src/');
}

/** Remembers the current stack, without the frames above `below`. */
export function captureCallSite(below: (...args: never[]) => unknown): CallSite {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAME_LIMIT;
  const site: CallSite = {};
  Error.captureStackTrace(site, below);
  Error.stackTraceLimit = limit;
  return site;
}

/** All frames outside the tracer and the layers, innermost first. */
export function authorFrames(site: CallSite): Frame[] {
  const frames: Frame[] = [];
  for (const line of (site.stack ?? '').split('\n')) {
    const frame = parseFrame(line);
    if (frame !== null && !PASSED_ON.some((folder) => frame.file.startsWith(folder))) frames.push(frame);
  }
  return frames;
}

function parseFrame(line: string): Frame | null {
  const match = /(?:\(|at )((?:file:\/\/)?\/[^()]*?):(\d+):(\d+)\)?$/.exec(line.trim());
  if (match === null) return null;
  const [, raw, row, column] = match;
  if (raw === undefined || raw.startsWith('node:')) return null;
  const file = (raw.startsWith('file:') ? fileURLToPath(raw) : raw).replaceAll('\\', '/');
  return { file, line: Number(row), column: Number(column) };
}

/** `file:line:column` of the author, with the path relative to the working directory where it lies inside. */
export function describeCallSite(site: CallSite): string {
  const frame = authorFrames(site)[0];
  return frame === undefined ? 'unknown' : formatFrame(frame);
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
