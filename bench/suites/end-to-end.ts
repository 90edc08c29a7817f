/** `end_to_end/*`: env steps a second of the whole training loop, against the bare network's act and learn time and core against core. */
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

/** What the SRWM core costs a whole run: unrolls of both runs in turns, while the other one stands still. */
export async function srwmOverFeedForwardRow(bench: Bench): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const start = (core: Core) =>
    TrainingRun.start(bench, easyConfig(core, [...bench.assignments, `hardware.threads=${bench.threads}`]));
  await using srwm = await start('srwm');
  await using feedForward = await start('feed_forward');
  const { train, environment } = easyConfig('srwm', bench.assignments).config;
  const envSteps = environment.numEnvs * train.unrollLength;
  const take = async (srwmFirst: boolean) => {
    const first = await (srwmFirst ? srwm : feedForward).unrollSeconds();
    const second = await (srwmFirst ? feedForward : srwm).unrollSeconds();
    const [ours, rival] = srwmFirst ? [first, second] : [second, first];
    return { ours: envSteps / ours, rival: envSteps / rival };
  };
  await takePairs(1, take);
  const pairs = await takePairs(bench.pairs, take);
  return comparisonRow(
    {
      name: 'end_to_end/srwm_over_feed_forward',
      unit: 'env steps/s',
      better: 'higher',
      goal: 0.92,
      detail: {
        what: 'unrolls of "srwm train procgen-easy" with the SRWM core against the same with the feed-forward core, in turns',
        num_envs: environment.numEnvs,
        shares: { srwm: srwm.shares(), feed_forward: feedForward.shares() },
        threads: bench.threads,
      },
    },
    pairs,
  );
}
