/** What is said of a key that no config has. */
import { distance } from 'fastest-levenshtein';
import { kindSections } from './defaults.ts';
import type { Fault } from './fault.ts';
import { nearest } from './presets.ts';
import { isSection, leaves, type Section } from './section.ts';

/** A key of a config that has none of that name, with the key that was probably meant. */
export function unknownKey(key: string, config: Section, source: string): Fault {
  return {
    code: 'CONFIG_UNKNOWN_KEY',
    text: `${key} is no key of this config (set by ${source}). ${ofOtherKinds(key, config) ?? suggestion(key, config)}`,
  };
}

/** Whose key it is, when other kinds of its section have one of that name. */
function ofOtherKinds(key: string, config: Section): string | undefined {
  const at = key.lastIndexOf('.');
  const [path, word] = [key.slice(0, Math.max(0, at)), key.slice(at + 1)];
  const kinds = Object.entries(kindSections[path] ?? {}).flatMap(([kind, defaults]) =>
    word !== 'kind' && Object.hasOwn(defaults, word) ? [kind] : [],
  );
  const now = path
    .split('.')
    .reduce<unknown>((value, name) => (isSection(value) ? value[name] : undefined), config);
  return kinds.length === 0 || !isSection(now)
    ? undefined
    : `${path}.kind is ${String(now['kind'])}; ${kinds.join(', ')} ${kinds.length === 1 ? 'has' : 'have'} that key.`;
}

function suggestion(key: string, config: Section): string {
  const kinds = Object.keys(kindSections).map((path) => `${path}.kind`);
  const known = [...new Set([...leaves(config), ...kinds])].filter(
    (name) => name !== key && !name.startsWith(`${key}.`),
  );
  const section = key.slice(0, key.lastIndexOf('.') + 1);
  const words = known
    .filter((name) => name.startsWith(section))
    .map((name) => name.slice(section.length))
    .filter((word) => !word.includes('.'));
  const longer = words.find((word) => isPartOf(key.slice(section.length), word));
  const guess =
    misnamedSection(key, config) ?? (longer === undefined ? nearest(key, known) : section + longer);
  const isFar = distance(key, guess) > Math.max(3, Math.floor(key.length / 3));
  return isFar && longer === undefined && section !== '' && words.length > 0
    ? `The keys of ${section.slice(0, -1)} are ${words.join(', ')}.`
    : `Did you mean ${guess}?`;
}

/** `mode` of `distributionMode`: short, but no slip of the pen. */
function isPartOf(word: string, longer: string): boolean {
  return word.length > 2 && longer.toLowerCase().includes(word.toLowerCase());
}

/** The key under the section that its first word must mean, when that word names none. */
function misnamedSection(key: string, config: Section): string | undefined {
  const [first, ...rest] = key.split('.');
  if (first === undefined || rest.length === 0 || Object.hasOwn(config, first)) return undefined;
  const sections = Object.keys(config).filter((name) => isSection(config[name]));
  const section = nearest(first, sections);
  const meant = config[section];
  return isSection(meant)
    ? nearest(
        [section, ...rest].join('.'),
        leaves(meant).map((leaf) => `${section}.${leaf}`),
      )
    : undefined;
}
