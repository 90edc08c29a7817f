/** `end_to_end/*`: env steps a second of the whole training loop, against the bare network's act and learn time and core against core. */
import type { ResolvedConfig } from '../../src/config/index.ts';
import type { Bench } from '../bench.ts';
import { hasBfloat16Tiles } from '../machine.ts';
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
      goal: 0.9,
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

/** What the SRWM core costs a whole run. */
export function srwmOverFeedForwardRow(bench: Bench): Promise<Row> {
  return runsRow(bench, {
    name: 'end_to_end/srwm_over_feed_forward',
    goal: 0.92,
    what: 'unrolls of "srwm train procgen-easy" with the SRWM core against the same with the feed-forward core, in turns',
    ours: easyConfig('srwm', bench.assignments),
    rival: easyConfig('feed_forward', bench.assignments),
  });
}

/** What bfloat16 in encoder and dense layers gains a whole run, where the processor multiplies it itself. */
export function bfloat16Row(bench: Bench): Promise<Row> {
  if (!hasBfloat16Tiles()) {
    throw new CannotMeasure('bfloat16 gains nothing on a processor without AMX (amx_bf16 in /proc/cpuinfo)');
  }
  return runsRow(bench, {
    name: 'end_to_end/bfloat16',
    goal: 1.6,
    what: 'unrolls of "srwm train procgen-easy" with hardware.precision=bfloat16 against float32, in turns',
    ours: easyConfig('srwm', [...bench.assignments, 'hardware.precision=bfloat16']),
    rival: easyConfig('srwm', bench.assignments),
  });
}

interface TwoRuns {
  readonly name: string;
  readonly goal: number;
  readonly what: string;
  readonly ours: ResolvedConfig;
  readonly rival: ResolvedConfig;
}

/** Unrolls of two runs of one size in turns, while the other one stands still. */
async function runsRow(bench: Bench, { name, goal, what, ours, rival }: TwoRuns): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const start = ({ config, sources }: ResolvedConfig) =>
    TrainingRun.start(bench, {
      config: { ...config, hardware: { ...config.hardware, threads: bench.threads } },
      sources,
    });
  await using first = await start(ours);
  await using second = await start(rival);
  const { train, environment } = ours.config;
  const envSteps = environment.numEnvs * train.unrollLength;
  const take = async (oursFirst: boolean) => {
    const before = await (oursFirst ? first : second).unrollSeconds();
    const behind = await (oursFirst ? second : first).unrollSeconds();
    const [own, other] = oursFirst ? [before, behind] : [behind, before];
    return { ours: envSteps / own, rival: envSteps / other };
  };
  await takePairs(1, take);
  const pairs = await takePairs(bench.pairs, take);
  return comparisonRow(
    {
      name,
      unit: 'env steps/s',
      better: 'higher',
      goal,
      detail: {
        what,
        num_envs: environment.numEnvs,
        shares: { ours: first.shares(), rival: second.shares() },
        threads: bench.threads,
      },
    },
    pairs,
  );
}
