/** The command line: `srwm <command> [--help] [--json] [--debug]`. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CommanderError } from 'commander';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { packageFolder } from '../setup/places.ts';
import type { Command, ExitCode } from './command.ts';
import { commands } from './commands/index.ts';
import { printError } from './errors.ts';
import { interruptible } from './interrupt.ts';
import { createOutput, type Output } from './output.ts';
import { createParser, optionNames, type Request } from './parse.ts';
import { unknownCommand, usageError, type Vocabulary } from './usage.ts';

/** Runs one command line and returns its exit code; everything that fails is printed here. */
export async function main(argv: readonly string[]): Promise<number> {
  const words = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length);
  const output = createOutput({
    stdout: process.stdout,
    stderr: process.stderr,
    json: words.includes('--json'),
    debug: words.includes('--debug'),
    environment: process.env,
  });
  // A reader like `head` may close the pipe: not an error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    const request = understand(argv, output);
    return request === null ? 0 : await carryOut(request, output);
  } catch (error) {
    return printError(error, output);
  }
}

async function carryOut(request: Request, output: Output): Promise<ExitCode> {
  const { command, ...given } = request;
  return await interruptible(output, (signal) =>
    command.run({ ...given, output, signal, cwd: process.cwd(), environment: process.env }),
  );
}

/** Returns what the command line asks for, or null when printing help or the version was all. */
function understand(argv: readonly string[], output: Output): Request | null {
  const given = argv.find((word) => !word.startsWith('-'));
  const command = commands.find((one) => one.name === given);
  const vocabulary = vocabularyOf(command);
  const parser = createParser(commands, packageVersion(), output.say, (request) => {
    understood = request;
  });
  let understood: Request | null = null;
  const asksHelp = argv.includes('--help') || argv.includes('--version');
  if (given === undefined && !asksHelp) {
    const unknown = argv.find((word) => !vocabulary.options.includes(word));
    if (unknown === undefined && !output.json) {
      output.say(parser.helpInformation());
      return null;
    }
    if (unknown === undefined)
      throw new SrwmError('CLI_MISSING_COMMAND', 'srwm: a command is required, got none.');
  }
  if (given !== undefined && command === undefined) throw unknownCommand(given, vocabulary);
  try {
    parser.parse(argv, { from: 'user' });
    return understood;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    throw usageError(error, vocabulary);
  }
}

function vocabularyOf(command: Command | undefined): Vocabulary {
  return {
    commands: commands.map((one) => one.name),
    options: optionNames(command),
    program: command === undefined ? 'srwm' : `srwm ${command.name}`,
  };
}

function packageVersion(): string {
  const file = path.join(packageFolder(), 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
