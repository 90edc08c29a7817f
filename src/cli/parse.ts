/** Builds the argument parser from the list of commands. */
import { Command as Parser, type HelpConfiguration, Option } from 'commander';
import type { Command, Invocation } from './command.ts';

/** What the command line asks for. */
export interface Request {
  readonly command: Command;
  readonly arguments: Invocation['arguments'];
  readonly option: Invocation['option'];
  readonly flag: Invocation['flag'];
  readonly list: Invocation['list'];
}

const JSON_OPTION = ['--json', 'print results as JSON on stdout and nothing else there'] as const;
const DEBUG_OPTION = ['--debug', 'print the stack of an error'] as const;

/** Long names of the options that every command takes. */
export const COMMON_OPTIONS = ['--json', '--debug', '--help'] as const;

/** Returns the long names of a command's options. */
export function optionNames(command: Command | undefined): string[] {
  const own = command?.options.map((option) => new Option(option.flags).long ?? '') ?? ['--version'];
  return [...own, ...COMMON_OPTIONS];
}

/** Returns a parser that calls `onRequest`; its own faults and --help are thrown as CommanderError. */
export function createParser(
  commands: readonly Command[],
  version: string,
  write: (text: string) => void,
  onRequest: (request: Request) => void,
): Parser {
  const help: HelpConfiguration = { showGlobalOptions: false, helpWidth: 110 };
  const program = new Parser('srwm')
    .description('Train self-referential weight matrices: TypeScript decides, a Python worker executes.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .usage('<command> [options]')
    .option(...JSON_OPTION)
    .option(...DEBUG_OPTION)
    .configureHelp(help)
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .exitOverride()
    .addHelpText('after', '\nStart here:\n  srwm train quickstart\n\nEach command has its own --help.');
  for (const command of commands) {
    const parser = program
      .command(command.name)
      .summary(command.summary)
      .description(command.summary)
      .helpOption('--help', 'print this help')
      .configureHelp(help)
      .addHelpText('after', `\nExamples:\n${command.examples.map((line) => `  srwm ${line}`).join('\n')}`);
    for (const argument of command.arguments) parser.argument(argument.name, argument.description);
    for (const { flags, description, repeatable } of command.options) {
      const option = new Option(flags, description);
      if (repeatable === true)
        option.argParser((value, earlier: string[] | undefined) => [...(earlier ?? []), value]);
      parser.addOption(option);
    }
    parser.option(...JSON_OPTION).option(...DEBUG_OPTION);
    parser.action(() => onRequest({ command, ...readersOf(parser) }));
  }
  return program;
}

function readersOf(parser: Parser): Omit<Request, 'command'> {
  const values = parser.opts<Record<string, unknown>>();
  const valueOf = (name: string): unknown =>
    values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return {
    arguments: (parser.processedArgs as (string | string[] | undefined)[])
      .flat()
      .filter((one) => one !== undefined),
    option: (name) => {
      const value = valueOf(name);
      return typeof value === 'string' ? value : undefined;
    },
    flag: (name) => valueOf(name) === true,
    list: (name) => {
      const value = valueOf(name);
      return Array.isArray(value) ? (value as string[]) : [];
    },
  };
}
