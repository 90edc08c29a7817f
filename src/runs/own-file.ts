/** Own parts of a run come from a file; the run remembers which, keeps a copy, and loads them from it again. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { ownNames, type OwnParts, type OwnRecord, type RunRecord } from '../train/index.ts';
import { definitionOf, type RunDefinition } from './definition.ts';
import { loadModule } from './module.ts';

/** What `config.json` says of own parts; nothing when there are none. */
export function ownRecord(
  folder: string,
  own: OwnParts,
  file: string | null,
  entry?: string,
): { readonly own?: OwnRecord } {
  const parts = ownNames(own);
  if (parts.length === 0) return {};
  if (file === null) return { own: { parts, file: null, copy: null, sha256: null } };
  const copy = path.posix.join('own', path.basename(file));
  // Relative, so that a project may move with its runs.
  const place = { parts, file: path.relative(folder, file), copy, sha256: hashOf(file) };
  return { own: entry === undefined ? place : { ...place, entry } };
}

/** Copies the file into the run that was just made. */
export function keepCopy(folder: string, own: OwnRecord | undefined): void {
  if (own === undefined || own.file === null || own.copy === null) return;
  mkdirSync(path.join(folder, 'own'), { recursive: true });
  copyFileSync(path.resolve(folder, own.file), path.join(folder, own.copy));
}

/**
 * The own parts of a run, loaded from the file that it was trained with.
 *
 * @throws SrwmError RUN_OWN_PARTS when the file is gone, has changed, or never was one.
 */
export async function ownPartsOf(folder: string, record: RunRecord): Promise<OwnParts> {
  const { own } = record;
  if (own === undefined) return {};
  const parts = own.parts.join(' and ');
  if (own.file === null || own.copy === null) {
    throw new SrwmError(
      'RUN_OWN_PARTS',
      `run: "${folder}" was trained with its own ${parts} by a script, and no file says where they are.`,
      {
        remedy:
          'Put them into a file that default-exports defineRun(...), and train it with "srwm train file.ts".',
      },
    );
  }
  const file = path.resolve(folder, own.file);
  const copy = path.join(folder, own.copy);
  if (!existsSync(file)) refuse(folder, parts, file, 'is gone', copy);
  if (hashOf(file) !== own.sha256) refuse(folder, parts, file, 'has changed since', copy);
  const loaded = (await loadDefinition(file, own.entry)).own;
  const missing = own.parts.filter((name) => !ownNames(loaded).includes(name));
  if (missing.length > 0) refuse(folder, missing.join(' and '), file, 'does not have them any more', copy);
  return loaded;
}

/** @throws SrwmError CONFIG_FILE when the file default-exports no definition, or no sweep with such an entry. */
export async function loadDefinition(file: string, entry?: string): Promise<RunDefinition> {
  const { default: exported } = await loadModule(file);
  const definition = definitionOf(entry === undefined ? exported : entryOf(exported, entry));
  if (definition !== null) return definition;
  throw new SrwmError(
    'CONFIG_FILE',
    `${path.relative(process.cwd(), file)}: the default export must be defineRun(...), got ${typeof exported}.`,
  );
}

/** A run of a sweep by its name, whatever else the value is. */
function entryOf(exported: unknown, entry: string): unknown {
  const { runs } = (exported ?? {}) as { readonly runs?: Readonly<Record<string, unknown>> };
  return runs?.[entry];
}

function refuse(folder: string, parts: string, file: string, what: string, copy: string): never {
  throw new SrwmError(
    'RUN_OWN_PARTS',
    `run: "${folder}" was trained with its own ${parts} of "${file}", which ${what}.`,
    { remedy: `Put it back: cp "${copy}" "${file}".` },
  );
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
