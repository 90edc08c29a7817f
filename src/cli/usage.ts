/** Turns the argument parser's complaints into our errors, with the nearest name. */
import type { CommanderError } from 'commander';
import { closest, distance } from 'fastest-levenshtein';
import type { ErrorCode } from '../../bridge/protocol/codes.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';

/** Names that the person may have meant. */
export interface Vocabulary {
  readonly commands: readonly string[];
  /** Long options of the command that was given, or of the program. */
  readonly options: readonly string[];
  /** `srwm train`, for the remedies. */
  readonly program: string;
}

/** Returns the nearest of `names` when it is near enough to be a slip, else null. */
export function nearest(word: string, names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const best = closest(word, [...names]);
  return distance(word, best) <= Math.max(2, Math.floor(word.length / 3)) ? best : null;
}

/** Returns the error for an unknown command. */
export function unknownCommand(name: string, vocabulary: Vocabulary): SrwmError {
  const guess = nearest(name, vocabulary.commands);
  const list = `The commands are ${vocabulary.commands.join(', ')}.`;
  return new SrwmError('CLI_UNKNOWN_COMMAND', `srwm: the first word must be a command, got "${name}".`, {
    remedy: guess === null ? list : `Did you mean "srwm ${guess}"? ${list}`,
  });
}

// commander's codes; each of its messages is `error: <sentence>`.
const codes: Readonly<Record<string, ErrorCode>> = {
  'commander.unknownOption': 'CLI_UNKNOWN_OPTION',
  'commander.missingArgument': 'CLI_MISSING_ARGUMENT',
  'commander.optionMissingArgument': 'CLI_MISSING_VALUE',
  'commander.missingMandatoryOptionValue': 'CLI_MISSING_VALUE',
  'commander.invalidArgument': 'CLI_INVALID_VALUE',
  'commander.conflictingOption': 'CLI_INVALID_VALUE',
  'commander.excessArguments': 'CLI_EXCESS_ARGUMENTS',
};

/** Returns our error for one that commander threw. */
export function usageError(error: CommanderError, vocabulary: Vocabulary): SrwmError {
  const code = codes[error.code] ?? 'CLI_USAGE';
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const help = `Run "${vocabulary.program} --help" for what it takes.`;
  if (code === 'CLI_UNKNOWN_OPTION') {
    const name = quoted.split('=')[0] ?? quoted;
    const guess = nearest(name, vocabulary.options);
    return new SrwmError(code, `${vocabulary.program}: every option must be one it knows, got ${name}.`, {
      remedy: guess === null ? help : `Did you mean ${guess}? ${help}`,
    });
  }
  const sentence = error.message.replace(/^error: /, '').replace(/\.$/, '');
  return new SrwmError(code, `${vocabulary.program}: ${sentence}.`, { remedy: help });
}
