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
const STEPS = 500;
/** Two groups serve best: while one's observations are taken, the hosts step the other. */
const GROUPS = 2;
const OTHER_GROUPS = [1, 4];

/** 64 slots over the six games, two hosts, observations in a torch tensor, against two bare processes. */
export async function procgenRow(bench: Bench): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const pairs = await pairsOf(bench, GROUPS);
  const others = bench.full ? OTHER_GROUPS : [];
  const ratios: Record<string, number> = {};
  for (const groups of others) ratios[`groups_${groups}`] = compare(await pairsOf(bench, groups)).median;
  return comparisonRow(
    {
      name: 'env/procgen',
      unit: 'env steps/s',
      better: 'higher',
      goal: 0.9,
      detail: {
        what: 'pool of 64 slots with 2 hosts, observations copied as collecting does, against 2 bare processes of 32 slots; same levels and actions on both sides',
        groups: GROUPS,
        steps_a_pair: STEPS,
        ...ratios,
      },
    },
    pairs,
  );
}

async function pairsOf(bench: Bench, groups: number): Promise<Pair[]> {
  const { environment } = easyConfig('feed_forward', [
    `environment.numEnvs=${SLOTS}`,
    'train.batchSize=32',
  ]).config;
  const spec = poolSpec(
    { ...environment, ...(environment.kind === 'procgen' ? { numHosts: HOSTS } : {}) },
    3,
    bench.places.procgenLibrary,
  );
  await using driver = Driver.start('environment', bench);
  await driver.call(z.unknown(), 'open', { spec: { ...spec, num_groups: groups } });
  const take = (oursFirst: boolean) =>
    driver.call(pairSchema, 'pair', { steps: STEPS, ours_first: oursFirst });
  await takePairs(2, take);
  const pairs = await takePairs(bench.pairs, take);
  await driver.call(z.unknown(), 'close');
  return pairs;
}
