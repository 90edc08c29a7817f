/** `update/*`: one procgen-easy update of the traced program against the same update hand-written in PyTorch. */
import type { Bench } from '../bench.ts';
import { easyConfig, updateProgram, type Core } from '../program.ts';
import { comparisonRow, type Row } from '../row.ts';
import { takePairs } from '../statistics.ts';
import { UpdateDriver } from '../update-driver.ts';

const WARM_UP = 2;

/** Beyond the two of the paper's main comparison, whose updates nothing but the encoder costs, 2 % more are granted. */
const goalOf = (core: Core) => (core === 'feed_forward' || core === 'srwm' ? 1.03 : 1.05);

export async function updateRow(bench: Bench, core: Core): Promise<Row> {
  const program = updateProgram(easyConfig(core, bench.assignments));
  await using driver = await UpdateDriver.open(bench, program);
  const differences = await driver.requireSameResult();
  await takePairs(WARM_UP, (oursFirst) => driver.pair(oursFirst));
  const pairs = await takePairs(bench.pairs, (oursFirst) => driver.pair(oursFirst));
  const { unrollLength, batchSize } = program.config.train;
  return comparisonRow(
    {
      name: `update/${core}`,
      unit: 's',
      better: 'lower',
      goal: goalOf(core),
      detail: {
        what: "the worker's accumulate and apply handlers against bench/rivals/update.py, in turns in one process",
        unroll_length: unrollLength,
        batch_size: batchSize,
        parameters: driver.parameters,
        threads: driver.threads,
        differences,
      },
    },
    pairs,
  );
}
