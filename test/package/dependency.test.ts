/** srwm as somebody else's dependency: packed, installed in an empty project, and used from a `.ts` without a build. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needsPython, python } from '../bridge/start-worker.ts';
import { pack, root, run } from './tarball.ts';

const RUN = `import { baselineLoss, debug, defineRun, objective, parameter, presets, scope, stepCore, tanh, type Layer } from 'srwm';
import { constant, linear } from 'srwm';

const gated = (name: string): Layer => (x) =>
  scope(name, () => x.mul(parameter('gain', [x.size(-1)], constant(1))));
const core = stepCore('mine', { size: 16 }, (x, h) => {
  const next = tanh(gated('gate')(linear('in', 16)(x)).add(h.mul(0.5)));
  return [next, next];
});
const loss = objective('mine', ({ target, batch }) => {
  debug.watch({ values: target.values }, { every: 4 });
  const policy = target.logProbability.mul(batch.advantages).mean().neg();
  return { loss: policy.add(baselineLoss(target.values, batch.returns).mean()), policy };
});
export default defineRun(
  presets.tiny({ seed: 3, totalEnvSteps: 2048, evaluation: { atEnd: false }, hardware: { device: 'cpu', threads: 1 } }),
  { core, loss },
);
`;
const MISFIT = `import { linear, tensorSpec, trace } from 'srwm';
try {
  trace('misfit', { x: tensorSpec([3, 4]) }, ({ x }) => {
    const y = linear('y', 8)(x);
    return { y: y.matmul(x) };
  });
} catch (error) {
  console.log(error.message);
}
`;
const WRONG = RUN.replace('target.values, batch.returns', 'target.valuess, batch.returns');

describe.skipIf(python === null)(`an empty project (${needsPython})`, () => {
  const project = mkdtempSync(path.join(tmpdir(), 'srwm-project-'));
  const srwm = (...words: string[]) =>
    execa('npx', ['--no-install', 'srwm', ...words, '--json'], {
      cwd: project,
      reject: false,
      stdin: 'ignore',
    });
  const linesOf = (stdout: string) =>
    stdout.split('\n').map((line) => JSON.parse(line) as { readonly type: string; readonly name?: string });

  beforeAll(async () => {
    const tarball = await pack(project);
    const manifest = {
      name: 'theirs',
      private: true,
      dependencies: { srwm: `file:${path.basename(tarball)}` },
      // The project's own type checker: the one of this checkout, so that nothing more is fetched.
      devDependencies: {
        typescript: `file:${path.join(root, 'node_modules/typescript')}`,
        '@types/node': `file:${path.join(root, 'node_modules/@types/node')}`,
      },
    };
    await writeFile(path.join(project, 'package.json'), JSON.stringify(manifest));
    await writeFile(path.join(project, 'my-run.ts'), RUN);
    await writeFile(path.join(project, 'wrong.ts'), WRONG);
    await writeFile(path.join(project, 'misfit.mjs'), MISFIT);
    const quick = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', ...quick], project);
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  test('type-checks a run before it sets anything up, and names the line', async () => {
    const { exitCode, stdout } = await srwm('train', 'wrong.ts', '--run', 'runs/wrong');
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'CONFIG_TYPES' });
    const line = WRONG.split('\n').findIndex((text) => text.includes('valuess')) + 1;
    expect(stdout).toContain(`wrong.ts:${line}`);
    expect(readdirSync(project)).not.toContain('.venv');
  });

  test.each([[[]], [['--enable-source-maps']]])(
    "errors name the author's lines under node %j",
    async (flags) => {
      const { stdout } = await execa(process.execPath, [...flags, 'misfit.mjs'], { cwd: project });
      expect(stdout).toMatch(/^matmul: inner dimensions differ: \[3, 8\] @ \[3, 4\]/);
      expect(stdout).toContain('the result of linear at misfit.mjs:4:');
      expect(stdout).toContain('at misfit.mjs:5:19\n        return { y: y.matmul(x) };');
      expect(stdout).not.toContain('node_modules');
    },
  );

  test('sets itself up, trains a core and a loss of its own without a build, and evaluates the run', async () => {
    const trained = await srwm('train', 'my-run.ts', '--run', 'runs/mine');
    expect(trained.exitCode, trained.stderr).toBe(0);
    const events = linesOf(trained.stdout);
    expect(events.at(-1)).toMatchObject({ type: 'run_end', env_steps: 2048, finished: true });
    expect(events.find(({ type }) => type === 'debug')).toMatchObject({ name: 'values', nonfinite: 0 });
    // Everything that ran is the project's own copy.
    expect(readdirSync(project)).toContain('.venv');
    const evaluated = await srwm('evaluate', 'runs/mine', '--episodes', '16');
    expect(evaluated.exitCode, evaluated.stderr).toBe(0);
    const { splits } = JSON.parse(evaluated.stdout) as {
      splits: { games: { game: string; episodes: number }[] }[];
    };
    expect(splits[0]?.games).toMatchObject([{ game: 'catch' }]);
    expect(splits[0]?.games[0]?.episodes).toBeGreaterThanOrEqual(16);
  });
});
