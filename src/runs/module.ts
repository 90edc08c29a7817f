/** Loads a person's TypeScript file without a build; every way in which that fails is a sentence with their line. */
import { existsSync } from 'node:fs';
import { register as registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { authorFrames, formatFrame, isLibrary, quoteSource, type Frame } from '../graph/index.ts';

const SOURCE = new URL('../', import.meta.url);

/** @throws SrwmError CONFIG_FILE with the author's line; a coded error of ours keeps its code and gains the line. */
export async function loadModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  if (!existsSync(file))
    throw new SrwmError('CONFIG_FILE', `file: "${file}" must be a file, but it does not exist.`);
  try {
    const { register } = await import('tsx/esm/api');
    const unregister = register();
    useThisPackage();
    try {
      const loaded = settled(import(pathToFileURL(file).href) as Promise<unknown>);
      return (await loaded) as Readonly<Record<string, unknown>>;
    } finally {
      await unregister();
    }
  } catch (cause) {
    throw withAuthorsLine(cause, file, 'CONFIG_FILE', 'must load as a module');
  }
}

/** Where nothing is left to wait for, Node ends with code 13 and no word: whoever awaits a person's promise says it. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  let onIdle = (): void => undefined;
  const idle = new Promise<never>((_, reject) => {
    onIdle = () => reject(new Error('it awaits a promise that nothing will settle'));
  });
  process.once('beforeExit', onIdle);
  try {
    return await Promise.race([promise, idle]);
  } finally {
    process.removeListener('beforeExit', onIdle);
  }
}

/**
 * The file's `import 'srwm'` must be the very package that runs it: two copies would each have their own idea of the
 * trace that is going on. And TypeScript is a module here, also below a package.json that does not say so: as
 * CommonJS it would reach this package by another way, and could not await at its top.
 */
function useThisPackage(): void {
  const index = new URL(import.meta.url.endsWith('.ts') ? 'index.ts' : 'index.js', SOURCE).href;
  const hook = `export const resolve = async (name, context, next) => {
    const found = await next(name === 'srwm' ? ${JSON.stringify(index)} : name, context);
    const isTheirs = /[.]ts([?]|$)/.test(found.url) && !found.url.includes('/node_modules/');
    return isTheirs && found.format === 'commonjs' ? { ...found, format: 'module' } : found;
  };`;
  registerHooks(`data:text/javascript,${encodeURIComponent(hook)}`);
}

/** A failure of a person's code as one of ours: what happened, and the innermost line of theirs. */
export function withAuthorsLine(
  cause: unknown,
  file: string,
  code: 'CONFIG_FILE' | 'RUN_SCRIPT',
  requirement: string,
): SrwmError {
  const syntax = syntaxFault(cause);
  const place = placeIn(syntax?.frame ?? authorsFrame(cause));
  if (cause instanceof SrwmError) {
    if (place !== '' && !/\n {4}at /.test(cause.message)) cause.message += place;
    return cause;
  }
  const said =
    syntax?.text ??
    (cause instanceof Error ? `${cause.name}: ${cause.message.split('\n')[0]}` : String(cause));
  const name = path.relative(process.cwd(), file);
  return new SrwmError(code, `${name}: ${requirement}, but it failed with "${said}".${place}`, {
    remedy: place === '' ? 'Mend the file.' : 'Mend the line above.',
    cause,
  });
}

function placeIn(frame: Frame | null): string {
  if (frame === null) return '';
  const quoted = quoteSource(frame);
  return `\n    at ${formatFrame(frame)}${quoted === '' ? '' : `\n${quoted}`}`;
}

/** The innermost frame of a stack that lies neither in this package nor in another one. */
function authorsFrame(cause: unknown): Frame | null {
  if (!(cause instanceof Error)) return null;
  const frames = [...authorFrames({ stack: cause.stack ?? '' })];
  const isTheirs = ({ file }: Frame): boolean => !file.includes('/node_modules/') && !isLibrary(file);
  return frames.find(isTheirs) ?? null;
}

/** esbuild says `file:line:column: ERROR: text`. */
function syntaxFault(cause: unknown): { readonly text: string; readonly frame: Frame } | null {
  const text = cause instanceof Error ? cause.message : '';
  const match = /^(\/.*?):(\d+):(\d+): ERROR: (.*)$/m.exec(text);
  if (match === null) return null;
  const [, file = '', line, column, said = ''] = match;
  return { text: said, frame: { file, line: Number(line), column: Number(column) + 1 } };
}
