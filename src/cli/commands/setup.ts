/** `srwm setup`: makes this machine fit to run a worker. */
import type { Command } from '../command.ts';

export const setup: Command = {
  name: 'setup',
  summary: 'Make .venv, install the Python packages, fetch ProcGen, compile the kernels.',
  arguments: [],
  options: [{ flags: '--dev', description: 'also install what the checks and tests of srwm itself need' }],
  examples: ['setup', 'setup --json', 'setup --dev'],
  run: async (invocation) => {
    const { prepare } = await import('../prepare.ts');
    const ready = await prepare(invocation, { dev: invocation.flag('dev') });
    const { output } = invocation;
    const procgen = ready.procgenLibrary === null ? (ready.procgen.reason ?? 'absent') : ready.procgenLibrary;
    const kernels = ready.kernels.path ?? `reference only: ${ready.kernels.reason ?? 'not compiled'}`;
    output.result(
      {
        python: { path: ready.python, version: ready.pythonVersion },
        venv: ready.venv,
        packages: ready.packages,
        procgen: { library: ready.procgenLibrary, ...ready.procgen },
        kernels: ready.kernels,
      },
      [
        'This machine is ready.',
        `  Python    ${ready.pythonVersion} in ${ready.venv}`,
        `  packages  ${ready.packages.count}`,
        `  ProcGen   ${procgen}`,
        `  kernels   ${kernels}`,
      ].join('\n'),
    );
    return 0;
  },
};
