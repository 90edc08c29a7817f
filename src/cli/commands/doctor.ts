/** `srwm doctor`: says what this machine has, what it lacks, and the mend. */
import type { Command } from '../command.ts';

export const doctor: Command = {
  name: 'doctor',
  summary:
    'Check Node, Python, torch, devices, compiler, ProcGen, kernels, disk; say the mend for each fault.',
  arguments: [],
  options: [],
  examples: ['doctor', 'doctor --json'],
  run: async ({ output, cwd, environment, signal }) => {
    const { examine, findSetup } = await import('../../setup/index.ts');
    const isSetUp = findSetup(cwd, environment) !== null;
    const examination = await examine({ cwd, environment, signal, isSetUp });
    const { style } = output;
    const width = Math.max(...examination.checks.map((check) => check.name.length));
    const lines = examination.checks.flatMap(({ name, ok, found, remedy }) => {
      const mark = ok ? style.green('ok   ') : style.red('fault');
      const line = `${mark}  ${name.padEnd(width)}  ${found}`;
      return remedy === null ? [line] : [line, `${' '.repeat(width + 9)}${style.yellow(remedy)}`];
    });
    output.result(examination, lines.join('\n'));
    return examination.ok ? 0 : 3;
  },
};
