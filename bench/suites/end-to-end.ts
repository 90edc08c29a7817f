/** `end_to_end/*`: env steps a second of the whole training loop against the bare network's act and learn time. */
import type { Bench } from '../bench.ts';
import { easyConfig, updateProgram, type Core } from '../program.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { median, takePairs } from '../statistics.ts';
import { TrainingRun } from '../training-run.ts';
import { UpdateDriver } from '../update-driver.ts';

const ACT_STEPS = 12;

export async function endToEndRow(bench: Bench, core: Core): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const resolved = easyConfig(core, [...bench.assignments, `hardware.threads=${bench.threads}`]);
  const program = updateProgram(resolved);
  const { train, environment } = program.config;
  await using run = await TrainingRun.start(bench, resolved);
  await using driver = await UpdateDriver.open(bench, program);
  const differences = await driver.requireSameResult();
  await run.unrollSeconds();
  await driver.bare(ACT_STEPS);
  const envSteps = environment.numEnvs * train.unrollLength;
  const bare: { act: number; learn: number }[] = [];
  const pairs = await takePairs(bench.pairs, async (oursFirst) => {
    const ours = oursFirst ? await run.unrollSeconds() : 0;
    const { act, learn } = await driver.bare(ACT_STEPS);
    bare.push({ act, learn });
    const ceiling = 1 / (act / environment.numEnvs + learn / (train.batchSize * train.unrollLength));
    return { ours: envSteps / (oursFirst ? ours : await run.unrollSeconds()), rival: ceiling };
  });
  return comparisonRow(
    {
      name: `end_to_end/${core}`,
      unit: 'env steps/s',
      better: 'higher',
      goal: 0.85,
      detail: {
        what: 'unrolls of "srwm train procgen-easy" against 1 / (act + learn) of bench/rivals/update.py',
        num_envs: environment.numEnvs,
        act_step_seconds: median(bare.map(({ act }) => act)),
        update_seconds: median(bare.map(({ learn }) => learn)),
        shares: run.shares(),
        threads: driver.threads,
        differences,
      },
    },
    pairs,
  );
}
