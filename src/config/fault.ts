/** One thing that is wrong with a configuration; all are collected before any is reported. */
export interface Fault {
  readonly code: 'CONFIG_INVALID' | 'CONFIG_UNKNOWN_KEY';
  readonly text: string;
}

/** A value as a message quotes it: also those that JSON loses or refuses. */
export function quoted(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value, (_, one: unknown) => (isLost(one) ? String(one) : one)) ?? 'nothing';
  } catch {
    return 'what no JSON holds';
  }
}

function isLost(value: unknown): boolean {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
}
