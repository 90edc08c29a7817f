/** A config, or a part of one, before anybody has checked it. */
export type Section = Record<string, unknown>;

/** Whether a value has keys of its own. */
export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sections whose keys are the user's own. */
export const OPEN_SECTIONS: readonly string[] = ['environment.kwargs'];

/** The dotted keys of all values that are no sections. */
export function leaves(section: Section, prefix = ''): string[] {
  return Object.entries(section).flatMap(([key, value]) =>
    isSection(value) ? leaves(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}
