/** `end_to_end/*`: env steps a second of the whole training loop against the bare network's act and learn time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startRun } from '../../src/runs/index.ts';
import type { RunEvent, Update } from '../../src/train/index.ts';
import type { Bench } from '../bench.ts';
import { easyConfig, updateProgram, type Core } from '../program.ts';
import { CannotMeasure, comparisonRow, type Row } from '../row.ts';
import { median, takePairs } from '../statistics.ts';
import { UpdateDriver } from '../update-driver.ts';

const ACT_STEPS = 12;

export async function endToEndRow(bench: Bench, core: Core): Promise<Row> {
  if (bench.places.procgenLibrary === null) throw new CannotMeasure('ProcGen runs on Linux x86-64 only');
  const resolved = easyConfig(core, [...bench.assignments, `hardware.threads=${bench.threads}`]);
  const program = updateProgram(resolved);
  const { train, environment } = program.config;
  const folder = await mkdtemp(path.join(tmpdir(), 'srwm-bench-'));
  const stop = new AbortController();
  const events = startRun(resolved, 'procgen-easy', {
    folder: path.join(folder, 'run'),
    places: bench.places,
    stop: stop.signal,
  });
  try {
    await using driver = await UpdateDriver.open(bench, program);
    const differences = await driver.requireSameResult();
    const unroll = new Unroll(events, environment.numEnvs / train.batchSize);
    await unroll.seconds();
    await driver.bare(ACT_STEPS);
    const envSteps = environment.numEnvs * train.unrollLength;
    const bare: { act: number; learn: number }[] = [];
    const pairs = await takePairs(bench.pairs, async (oursFirst) => {
      const ours = oursFirst ? await unroll.seconds() : 0;
      const { act, learn } = await driver.bare(ACT_STEPS);
      bare.push({ act, learn });
      const ceiling = 1 / (act / environment.numEnvs + learn / (train.batchSize * train.unrollLength));
      return { ours: envSteps / (oursFirst ? ours : await unroll.seconds()), rival: ceiling };
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
          shares: unroll.shares(),
          threads: driver.threads,
          differences,
        },
      },
      pairs,
    );
  } finally {
    stop.abort();
    await events.return(undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The loop, one unroll with its updates at a time; between two it stands still. */
class Unroll {
  readonly #events: AsyncGenerator<RunEvent, void>;
  readonly #updates: number;
  #last: Update | null = null;
  #running = 0;

  constructor(events: AsyncGenerator<RunEvent, void>, updates: number) {
    this.#events = events;
    this.#updates = updates;
  }

  async seconds(): Promise<number> {
    const started = performance.now();
    for (let seen = 0; seen < this.#updates;) {
      const { value, done } = await this.#events.next();
      if (done === true) throw new Error('internal: the run ended');
      if (value.type !== 'update') continue;
      seen += 1;
      this.#last = value;
    }
    const seconds = (performance.now() - started) / 1000;
    this.#running += seconds;
    return seconds;
  }

  /** Where the loop's time went; its own shares also count the time in which it stood still. */
  shares(): Record<string, number> {
    if (this.#last === null) return {};
    const { shares, seconds } = this.#last;
    return Object.fromEntries(
      Object.entries(shares).map(([part, share]) => [part, (share * seconds) / this.#running]),
    );
  }
}
