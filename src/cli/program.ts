/** What the word after `train` and `describe` names: a preset, a TypeScript file, or a run. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import {
  parseAssignment,
  presetNamed,
  resolveConfig,
  type Assignment,
  type Config,
  type ResolvedConfig,
} from '../config/index.ts';
import {
  definitionOf,
  loadModule,
  ownPartsOf,
  requireTypes,
  settled,
  withAuthorsLine,
} from '../runs/index.ts';
import { ownNames, readRecord, type OwnParts } from '../train/index.ts';

/** A person's own program: yields whatever it wants to report. */
export type RunFunction = (context: {
  /** The file's export `config`, changed by --set; null where it has none. */
  readonly config: Config | null;
  readonly signal: AbortSignal;
}) => AsyncIterable<unknown>;

export type Target =
  | {
      readonly kind: 'config';
      readonly name: string;
      readonly resolved: ResolvedConfig;
      readonly own: OwnParts;
      /** The file that own parts come from. */
      readonly file: string | null;
    }
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly run: (signal: AbortSignal) => AsyncIterable<unknown>;
    };

export interface TargetOptions {
  readonly sets: readonly string[];
  readonly cwd: string;
  /** Type-check a file with the project's TypeScript. */
  readonly types: boolean;
}

export const SCRIPT = /\.(ts|mts|js|mjs)$/;

/** @throws CONFIG_UNKNOWN_PRESET, CONFIG_FILE, CONFIG_TYPES, CONFIG_INVALID, CONFIG_UNKNOWN_KEY, RUN_OWN_PARTS */
export async function targetOf(word: string, { sets, cwd, types }: TargetOptions): Promise<Target> {
  const assignments = sets.map(parseAssignment);
  if (SCRIPT.test(word)) return fileTarget(word, path.resolve(cwd, word), assignments, types);
  const folder = path.resolve(cwd, word);
  if (existsSync(path.join(folder, 'config.json'))) {
    const record = readRecord(folder);
    const own = await ownPartsOf(folder, record);
    const resolved = resolveConfig(record.config, `run ${word}`, assignments, ownNames(own));
    return { kind: 'config', name: word, resolved, own, file: fileOf(folder, record.own?.file) };
  }
  const preset = presetNamed(word);
  const resolved = resolveConfig(preset.config(), `preset ${word}`, assignments);
  return { kind: 'config', name: preset.name, resolved, own: {}, file: null };
}

/** A target that is a configuration. @throws CONFIG_FILE for a program of its own, and what `targetOf` throws */
export async function configTargetOf(
  who: string,
  word: string,
  options: TargetOptions,
): Promise<Extract<Target, { readonly kind: 'config' }>> {
  const target = await targetOf(word, options);
  if (target.kind === 'config') return target;
  throw new SrwmError(
    'CONFIG_FILE',
    `${who}: "${target.name}" must export a config, but it exports a function.`,
  );
}

function fileOf(folder: string, file: string | null | undefined): string | null {
  return file === null || file === undefined ? null : path.resolve(folder, file);
}

async function fileTarget(
  word: string,
  file: string,
  assignments: readonly Assignment[],
  types: boolean,
): Promise<Target> {
  const module = await loadModule(file);
  if (types) await requireTypes(file);
  const exported = module['default'];
  const definition = definitionOf(exported);
  if (definition !== null) {
    const { config, own } = definition;
    const resolved = resolveConfig(config, word, assignments, ownNames(own));
    return { kind: 'config', name: word, resolved, own, file };
  }
  if (typeof exported === 'function') {
    const config = configOf(word, module['config'], assignments);
    const run = (signal: AbortSignal) => runFunction(exported as RunFunction, file, { config, signal });
    return { kind: 'function', name: word, run };
  }
  const got = exported === undefined ? 'none' : exported === null ? 'null' : typeof exported;
  throw new SrwmError(
    'CONFIG_FILE',
    `${word}: the default export must be defineRun(...) or an async function, got ${got}.`,
    {
      remedy:
        'Write "export default defineRun(presets.tiny())" or "export default async function* ({ signal }) { ... }".',
    },
  );
}

/** What a function is given as `config`: the export of that name, with --set applied. */
function configOf(word: string, exported: unknown, assignments: readonly Assignment[]): Config | null {
  if (exported !== undefined) return resolveConfig(exported, word, assignments).config;
  const [first] = assignments;
  if (first === undefined) return null;
  throw new SrwmError(
    'CONFIG_INVALID',
    `${first.source}: a file whose default export is a function must export the config that --set changes, got none.`,
    { remedy: 'Write "export const config = presets.tiny()" beside the function, and read `config` in it.' },
  );
}

async function* runFunction(
  run: RunFunction,
  file: string,
  context: Parameters<RunFunction>[0],
): AsyncGenerator<unknown, void> {
  try {
    const updates = await settled(Promise.resolve(run(context) as unknown));
    if (typeof updates !== 'object' || updates === null || !(Symbol.asyncIterator in updates)) {
      throw new SrwmError(
        'CONFIG_FILE',
        `${path.basename(file)}: the function must yield updates, got ${typeof updates}.`,
        { remedy: 'Write "async function* ({ signal })", or return impala({ ... }).' },
      );
    }
    yield* everySettled(updates as AsyncIterable<unknown>);
  } catch (error) {
    throw withAuthorsLine(error, file, 'RUN_SCRIPT', 'the function must run to its end');
  }
}

/** As `yield*`, of a program that may await for ever. */
async function* everySettled(updates: AsyncIterable<unknown>): AsyncGenerator<unknown, void> {
  const iterator = updates[Symbol.asyncIterator]();
  let running = false;
  try {
    for (;;) {
      running = true;
      const step = await settled(iterator.next());
      running = false;
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    // A reader that stops early waits until the program has cleaned up.
    if (!running) await iterator.return?.();
  }
}
