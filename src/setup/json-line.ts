/** Our own Python modules talk in lines of JSON; other programs in words. */

/** Returns the object that a line holds, or null when it is something else. */
export function asObject(line: string): object | null {
  if (!line.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** Returns what a person should see of a line: the message of a JSON line, nothing of a report, else the line. */
export function readable(line: string): string {
  const value = asObject(line.trim());
  if (value === null) return line.trim();
  return 'message' in value && typeof value.message === 'string' ? value.message : '';
}
