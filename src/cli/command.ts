/** What a command is: one object, one file in `commands/`, one line in `commands/index.ts`. */
import type { Output } from './output.ts';

/** A command's own option; `flags` is written as commander reads it: `--run <dir>`, `--dev`, `--set <key=value...>`. */
export interface OptionDefinition {
  readonly flags: string;
  readonly description: string;
  /** May be given several times; its values arrive as a list. */
  readonly repeatable?: boolean;
}

export interface ArgumentDefinition {
  /** `<preset>` is required, `[suite...]` is optional and takes several. */
  readonly name: string;
  readonly description: string;
}

/** One run of a command. */
export interface Invocation {
  /** Positional arguments in order; a variadic one is spread. */
  readonly arguments: readonly string[];
  /** Value of `--name <value>`, or undefined when it was not given. */
  readonly option: (name: string) => string | undefined;
  /** Whether `--name` was given. */
  readonly flag: (name: string) => boolean;
  /** Values of a repeatable `--name <value>`, in the order given. */
  readonly list: (name: string) => readonly string[];
  readonly output: Output;
  /** Aborted by the first Ctrl-C with an SrwmError CLI_INTERRUPTED; the second one ends the process. */
  readonly signal: AbortSignal;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** 0 done, 1 failed, 2 usage or configuration, 3 this machine is not fit, 130 stopped by the person. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly arguments: readonly ArgumentDefinition[];
  readonly options: readonly OptionDefinition[];
  /** Whole command lines without `srwm`. */
  readonly examples: readonly string[];
  /** Imports what it needs when it is called, so that --help stays fast. */
  readonly run: (invocation: Invocation) => Promise<ExitCode>;
}
