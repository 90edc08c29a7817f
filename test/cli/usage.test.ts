import { expect, test } from 'vitest';
import { CommanderError } from 'commander';
import { commands } from '../../src/cli/commands/index.ts';
import { createParser, optionNames, type Request } from '../../src/cli/parse.ts';
import { exitCodeOf, toErrorRecord } from '../../src/cli/errors.ts';
import { errorCodes } from '../../bridge/protocol/codes.ts';
import { unknownCommand, usageError } from '../../src/cli/usage.ts';

const vocabulary = { commands: ['train', 'resume'], options: ['--run', '--json'], program: 'srwm train' };

function parse(words: readonly string[]): { readonly text: string; readonly request: Request | null } {
  let text = '';
  let request: Request | null = null;
  const write = (more: string): void => {
    text += more;
  };
  try {
    createParser(commands, '1.2.3', write, (one) => {
      request = one;
    }).parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
  return { text, request };
}

test('lists every command with its summary', () => {
  const { text } = parse(['--help']);
  for (const { name } of commands) expect(text).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test.each(commands.map((command) => [command.name, command] as const))(
  'explains %s with examples',
  (name, command) => {
    const { text } = parse([name, '--help']);
    expect(text).toContain(command.summary.slice(0, 40));
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) expect(text).toContain(`  srwm ${example}`);
    for (const option of optionNames(command)) expect(text).toContain(option);
  },
);

test('hands options to the command', () => {
  const { request } = parse(['setup', '--dev', '--json']);
  expect(request?.command.name).toBe('setup');
  expect(request?.flag('dev')).toBe(true);
  expect(request?.option('run')).toBeUndefined();
  expect(request?.list('set')).toEqual([]);
});

test('names the nearest command', () => {
  expect(unknownCommand('trian', vocabulary)).toMatchObject({
    code: 'CLI_UNKNOWN_COMMAND',
    message: 'srwm: the first word must be a command, got "trian".',
    remedy: 'Did you mean "srwm train"? The commands are train, resume.',
  });
  expect(unknownCommand('xyz', vocabulary).remedy).toBe('The commands are train, resume.');
});

test('names the nearest option', () => {
  const error = new CommanderError(1, 'commander.unknownOption', "error: unknown option '--rn=x'");
  expect(usageError(error, vocabulary)).toMatchObject({
    code: 'CLI_UNKNOWN_OPTION',
    message: 'srwm train: every option must be one it knows, got --rn.',
    remedy: 'Did you mean --run? Run "srwm train --help" for what it takes.',
  });
});

test('gives every error code an exit code', () => {
  const of = (exit: number): string[] => Object.keys(errorCodes).filter((code) => exitCodeOf(code) === exit);
  expect(of(130)).toEqual(['CLI_INTERRUPTED']);
  expect(of(3).every((code) => code.startsWith('SETUP_'))).toBe(true);
  expect(of(2).every((code) => /^(CLI|CONFIG|USAGE|SWEEP|EVALUATE|RECORD|COMPARE)_/.test(code))).toBe(true);
  expect(of(1)).toEqual(expect.arrayContaining(['WORKER_LOST', 'RECORD_WRITE']));
});

test('calls an error without a code a fault of its own', () => {
  expect(toErrorRecord(new TypeError('x is not a function'))).toMatchObject({
    type: 'error',
    code: 'CLI_INTERNAL',
    message: 'internal: x is not a function',
  });
});
