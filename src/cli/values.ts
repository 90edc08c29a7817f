/** Values of options, as they must be. */
import { SrwmError } from '../../bridge/protocol/errors.ts';

/** @throws CLI_INVALID_VALUE for a word that is not allowed. */
export function oneOf<T extends string>(name: string, given: readonly string[], allowed: readonly T[]): T[] {
  const wrong = given.find((word) => !(allowed as readonly string[]).includes(word));
  if (wrong !== undefined) invalid(`${name}: must be one of ${allowed.join(', ')}, got "${wrong}".`);
  return given as T[];
}

/** @throws CLI_INVALID_VALUE for what is no positive integer. */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) invalid(`${name}: must be a positive integer, got "${text}".`);
  return value;
}

function invalid(message: string): never {
  throw new SrwmError('CLI_INVALID_VALUE', message);
}
