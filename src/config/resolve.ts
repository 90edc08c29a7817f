/** From a base config and `--set` lines to one checked config that knows where each value came from. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { z } from 'zod';
import type { Assignment } from './assignment.ts';
import { checkTogether } from './consistency.ts';
import { kindSections } from './defaults.ts';
import { quoted, type Fault } from './fault.ts';
import { configSchema, type Config } from './schema.ts';
import { isSection, leaves, OPEN_SECTIONS, type Section } from './section.ts';
import { unknownKey } from './unknown-key.ts';

export interface ResolvedConfig {
  readonly config: Config;
  /** Dotted key to the place that set it. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Splits `a.b=c`; values parse as JSON, else they are text; `a,b` becomes a list where the key holds one. */
export function parseAssignment(text: string): Assignment {
  const at = text.indexOf('=');
  const source = `--set ${text}`;
  if (at < 1) {
    throw new SrwmError('CONFIG_INVALID', `--set: must be key=value, got "${text}".`, {
      remedy: 'Write for example --set train.unrollLength=20.',
    });
  }
  return { key: text.slice(0, at).trim(), value: parseValue(text.slice(at + 1)), source };
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/**
 * Applies assignments to a base. Kinds come first, whatever the order: `model.core.kind=srwm` replaces that section by
 * the kind's defaults, then the other keys apply.
 *
 * @throws SrwmError CONFIG_INVALID or CONFIG_UNKNOWN_KEY with every fault at once.
 */
export function resolveConfig(
  base: unknown,
  baseSource: string,
  assignments: readonly Assignment[],
  ownParts: readonly string[] = [],
): ResolvedConfig {
  const together: Together<Config> = (config, sourceOf) => checkTogether(config, sourceOf, ownParts);
  const { value, sources } = resolveWith<Config>(configSchema, base, baseSource, assignments, together);
  return { config: value, sources };
}

/** Requirements that concern several keys; `sourceOf` tells who set one. */
export type Together<T> = (value: T, sourceOf: (key: string) => string) => Fault[];

/** The part of a schema that is used here: to compare two whole ones takes the type checker seconds. */
interface Parser<T> {
  safeParse(value: unknown): z.ZodSafeParseResult<T>;
}

/** `resolveConfig` for any schema. */
export function resolveWith<T>(
  schema: Parser<T>,
  base: unknown,
  baseSource: string,
  assignments: readonly Assignment[],
  together: Together<T>,
): { readonly value: T; readonly sources: Readonly<Record<string, string>> } {
  const config = structuredClone(base) as Section;
  const faults: Fault[] = [];
  const overridden = new Map<string, string>();
  const ordered = [
    // A section's kind before those of the sections in it.
    ...assignments.filter(setsKind).sort((a, b) => depth(a) - depth(b)),
    ...assignments.filter((assignment) => !setsKind(assignment)),
  ];
  for (const assignment of ordered) assign(config, assignment, faults, overridden);
  const parsed = schema.safeParse(config);
  if (!parsed.success)
    faults.push(...parsed.error.issues.flatMap((issue) => faultsOf(issue, config, overridden, baseSource)));
  if (faults.length === 0 && parsed.success)
    faults.push(...together(parsed.data, (key) => sourceOf(key, overridden, baseSource)));
  if (faults.length > 0) refuse(faults);
  const sources = Object.fromEntries(
    leaves(parsed.data as unknown as Section).map((key) => [key, sourceOf(key, overridden, baseSource)]),
  );
  return { value: parsed.data as T, sources };
}

const depth = ({ key }: Assignment): number => key.split('.').length;

function setsKind({ key }: Assignment): boolean {
  return key.endsWith('.kind') && Object.hasOwn(kindSections, key.slice(0, -'.kind'.length));
}

function assign(
  config: Section,
  assignment: Assignment,
  faults: Fault[],
  overridden: Map<string, string>,
): void {
  const { key, value, source } = assignment;
  const path = key.split('.');
  const last = path.pop() as string;
  let section: unknown = config;
  for (const name of path)
    section = isSection(section) && Object.hasOwn(section, name) ? section[name] : undefined;
  const isOpen = OPEN_SECTIONS.includes(path.join('.'));
  if (!isSection(section) || !(isOpen || Object.hasOwn(section, last))) {
    faults.push(unknownKey(key, config, source));
    return;
  }
  if (setsKind(assignment)) {
    const defaults = kindSections[path.join('.')]?.[String(value)];
    if (defaults !== undefined) Object.assign(clear(section), structuredClone(defaults));
    else section[last] = value;
    overridden.set(path.join('.'), source);
  } else {
    section[last] = Array.isArray(section[last]) ? asList(value, section[last] as unknown[]) : value;
    overridden.set(key, source);
  }
}

function clear(section: Section): Section {
  for (const key of Object.keys(section)) delete section[key];
  return section;
}

function asList(value: unknown, former: readonly unknown[]): unknown {
  if (Array.isArray(value)) return value;
  const parts = String(value).split(',');
  return typeof former[0] === 'number' ? parts.map(Number) : parts;
}

/** The assignment of the key itself, or of the nearest section above it. */
function sourceOf(key: string, overridden: ReadonlyMap<string, string>, baseSource: string): string {
  for (let path = key; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('.')))) {
    const source = overridden.get(path);
    if (source !== undefined) return source;
  }
  return baseSource;
}

interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

function faultsOf(
  issue: Issue,
  config: Section,
  overridden: ReadonlyMap<string, string>,
  base: string,
): Fault[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((key) =>
      unknownKey(path === '' ? key : `${path}.${key}`, config, sourceOf(path, overridden, base)),
    );
  }
  let value: unknown = config;
  for (const name of issue.path)
    value = isSection(value) || Array.isArray(value) ? (value as Section)[String(name)] : undefined;
  const key = issue.path
    .map((name) => (typeof name === 'number' ? `[${name}]` : String(name)))
    .join('.')
    .replaceAll('.[', '[');
  const text = `${key === '' ? 'config' : key} ${wording(issue.message)}, got ${quoted(value)} (set by ${sourceOf(path, overridden, base)}).`;
  return [{ code: 'CONFIG_INVALID', text }];
}

/** `Too small: expected number to be >=1` as a requirement. */
function wording(message: string): string {
  const expected = /[Ee]xpected (.*)$/.exec(message)?.[1];
  if (expected === undefined) return message.startsWith('must') ? message : `must be valid: ${message}`;
  return `must be ${expected.replace(/^\w+ to be /, '').replace(/, received .*$/, '')}`;
}

function refuse(faults: readonly Fault[]): never {
  const unknown = faults.every((fault) => fault.code === 'CONFIG_UNKNOWN_KEY');
  throw new SrwmError(
    unknown ? 'CONFIG_UNKNOWN_KEY' : 'CONFIG_INVALID',
    faults.length === 1
      ? (faults[0]?.text ?? '')
      : `config: ${faults.length} faults:\n${faults.map((fault) => `  ${fault.text}`).join('\n')}`,
  );
}
