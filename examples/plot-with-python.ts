/**
 * Trains an agent on the toy game catch and hands its returns to a colleague's matplotlib function.
 *
 *     npx tsx examples/plot-with-python.ts
 *
 * trained for 16,384 env steps
 * drawn: return 0.53 at the end, 40123 bytes in <run>/artifacts/returns.png
 *
 * With a folder as its argument the run and its picture stay there. Needs matplotlib in .venv, which is no part of srwm.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keywords, presets, python, SrwmError, train, type Config } from 'srwm';

/** What examples/plot_returns.py offers. */
interface Plots {
  curve(steps: number[], mean: number[], low: number[], high: number[]): { bytes: number; final: number };
}

const base = presets.tiny();
const config: Config = {
  ...base,
  seed: 3,
  train: { ...base.train, totalEnvSteps: 16_384 },
  evaluation: { ...base.evaluation, atEnd: false },
};

const folder = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'srwm-plot-'));
const points: { steps: number; mean: number; low: number; high: number }[] = [];
try {
  for await (const event of train(config, { folder })) {
    if (event.type === 'run_end')
      console.log(`trained for ${event.env_steps.toLocaleString('en')} env steps`);
    if (event.type !== 'update' || event.episode_return === null) continue;
    const { mean, ci95 } = event.episode_return;
    points.push({ steps: event.env_steps, mean, low: ci95[0], high: ci95[1] });
  }

  // Python runs in the project's own .venv; the file is found beside this one.
  const plots = await python<Plots>('./plot_returns.py');
  const file = path.join(folder, 'artifacts', 'returns.png');
  const column = (name: keyof (typeof points)[number]) => points.map((point) => point[name]);
  const drawn = await plots.curve(
    column('steps'),
    column('mean'),
    column('low'),
    column('high'),
    keywords({ title: 'catch, SRWM agent', file }),
  );
  console.log(`drawn: return ${drawn.final.toFixed(2)} at the end, ${drawn.bytes} bytes in ${file}`);
} catch (error) {
  // matplotlib is no part of srwm: the message says which command installs it.
  if (!(error instanceof SrwmError && error.code === 'PYTHON_IMPORT')) throw error;
  console.error(`${error.message}\n${error.remedy}`);
  process.exitCode = 1;
} finally {
  if (process.argv[2] === undefined) rmSync(folder, { recursive: true, force: true });
}
