/** What the word after `train` and `describe` names: a preset, a TypeScript file, or a run. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { parseAssignment, presetNamed, resolveConfig, type ResolvedConfig } from '../config/index.ts';
import { readRecord } from '../train/index.ts';

/** A person's own program: yields whatever it wants to report. */
export type RunFunction = (context: {
  readonly config: unknown;
  readonly signal: AbortSignal;
}) => AsyncIterable<unknown>;

export type Target =
  | { readonly kind: 'config'; readonly name: string; readonly resolved: ResolvedConfig }
  | { readonly kind: 'function'; readonly name: string; readonly run: RunFunction };

const SCRIPT = /\.(ts|mts|js|mjs)$/;

/** @throws CONFIG_UNKNOWN_PRESET, CONFIG_FILE, CONFIG_INVALID, CONFIG_UNKNOWN_KEY */
export async function targetOf(word: string, sets: readonly string[], cwd: string): Promise<Target> {
  const assignments = sets.map(parseAssignment);
  if (SCRIPT.test(word)) {
    const exported = await loadDefault(path.resolve(cwd, word));
    if (typeof exported === 'function') return { kind: 'function', name: word, run: exported as RunFunction };
    if (typeof exported !== 'object' || exported === null || !('config' in exported)) {
      throw new SrwmError(
        'CONFIG_FILE',
        `${word}: the default export must be defineRun(...) or an async function, got ${typeof exported}.`,
      );
    }
    return { kind: 'config', name: word, resolved: resolveConfig(exported.config, word, assignments) };
  }
  if (existsSync(path.join(path.resolve(cwd, word), 'config.json'))) {
    const { config } = readRecord(path.resolve(cwd, word));
    return { kind: 'config', name: word, resolved: resolveConfig(config, `run ${word}`, assignments) };
  }
  const preset = presetNamed(word);
  return {
    kind: 'config',
    name: preset.name,
    resolved: resolveConfig(preset.config(), `preset ${word}`, assignments),
  };
}

async function loadDefault(file: string): Promise<unknown> {
  if (!existsSync(file))
    throw new SrwmError('CONFIG_FILE', `train: "${file}" must be a file, but it does not exist.`);
  try {
    const { register } = await import('tsx/esm/api');
    const unregister = register();
    try {
      return ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
    } finally {
      await unregister();
    }
  } catch (cause) {
    if (cause instanceof SrwmError) throw cause;
    const first = cause instanceof Error ? cause.message.split('\n').slice(0, 4).join('\n') : String(cause);
    throw new SrwmError('CONFIG_FILE', `${file}: must load as a module, but: ${first}`, { cause });
  }
}
