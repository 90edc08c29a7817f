/** `env/*`: what the pool of environments costs over the native library itself. */
import { z } from 'zod';
import { poolSpec } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { Driver, pairSchema } from '../driver.ts';
import { easyConfig } from '../program.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { compare, takePairs, type Pair } from '../statistics.ts';

const SLOTS = 64;
const HOSTS = 2;
const STEPS = 1000;
/** A pair takes less than a second, and what else runs on a machine comes in bursts of that length. */
const PAIRS_FOR_ONE = 3;
/** Two groups serve best: while one's observations are taken, the hosts step the other. */
const GROUPS = 2;
const OTHER_GROUPS = [1, 4];

/**
 * 64 slots over the six games, two hosts, observations in the tensor that an act graph takes, against two bare processes.
 * `kept_for_learning` is the same where each observation also goes to its row of an unroll, which no bare process does.
 */
export async function procgenRow(bench: Bench): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const pairs = await pairsOf(bench, GROUPS, false);
  const kept = compare(await pairsOf(bench, GROUPS, true));
  const others = bench.full ? OTHER_GROUPS : [];
  const ratios: Record<string, number> = {};
  for (const groups of others)
    ratios[`groups_${groups}`] = compare(await pairsOf(bench, groups, false)).median;
  return comparisonRow(
    {
      name: 'env/procgen',
      unit: 'env steps/s',
      better: 'higher',
      goal: 0.9,
      detail: {
        what: 'pool of 64 slots with 2 hosts, observations in a tensor as evaluating takes them, against 2 bare processes of 32 slots as the system starts them (hosts keep the images in huge pages); same levels and actions on both sides',
        groups: GROUPS,
        steps_a_pair: STEPS,
        kept_for_learning: kept.median,
        ...ratios,
      },
    },
    pairs,
  );
}

async function pairsOf(bench: Bench, groups: number, kept: boolean): Promise<Pair[]> {
  const { environment } = easyConfig('feed_forward', [
    `environment.numEnvs=${SLOTS}`,
    'train.batchSize=32',
  ]).config;
  const spec = poolSpec(
    { ...environment, ...(environment.kind === 'procgen' ? { numHosts: HOSTS } : {}) },
    3,
    bench.places,
  );
  await using driver = Driver.start('environment', bench);
  await driver.call(z.unknown(), 'open', { spec: { ...spec, num_groups: groups }, kept });
  const take = (oursFirst: boolean) =>
    driver.call(pairSchema, 'pair', { steps: STEPS, ours_first: oursFirst });
  await takePairs(2, take);
  const pairs = await takePairs(PAIRS_FOR_ONE * bench.pairs, take);
  await driver.call(z.unknown(), 'close');
  return pairs;
}
