/** `kernels/update_srwm_over_feed_forward`: what the SRWM core costs a whole update. */
import type { Bench } from '../bench.ts';
import { easyConfig, updateProgram } from '../program.ts';
import { comparisonRow, type Row } from '../row.ts';
import { takePairs, type Pair } from '../statistics.ts';
import { UpdateDriver } from '../update-driver.ts';

export async function updateCostRow(bench: Bench): Promise<Row> {
  const open = (core: 'srwm' | 'feed_forward') =>
    UpdateDriver.open(bench, updateProgram(easyConfig(core, bench.assignments)));
  await using srwm = await open('srwm');
  await using feedForward = await open('feed_forward');
  const take = async (oursFirst: boolean): Promise<Pair> => {
    const first = oursFirst ? await srwm.ours() : await feedForward.ours();
    const second = oursFirst ? await feedForward.ours() : await srwm.ours();
    return oursFirst ? { ours: first, rival: second } : { ours: second, rival: first };
  };
  await takePairs(1, take);
  const pairs = await takePairs(bench.pairs, take);
  return comparisonRow(
    {
      name: 'kernels/update_srwm_over_feed_forward',
      unit: 's',
      better: 'lower',
      goal: 1.08,
      detail: {
        what: 'a procgen-easy update with the SRWM core against the same with the feed-forward core',
        threads: srwm.threads,
      },
    },
    pairs,
  );
}
