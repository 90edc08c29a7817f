/** Both updates in one process: the plan that `drivers/update.py` follows, and its answers. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { Bench } from './bench.ts';
import { Driver, pairSchema } from './driver.ts';
import {
  dataHandles,
  dataKeys,
  initializationInputs,
  networkSizes,
  updateInputs,
  type UpdateProgram,
} from './program.ts';
import type { Pair } from './statistics.ts';

const SET = 'agent';

/**
 * Beyond these the two sides do not compute the same. Both call the same kernels, but sum 1.6 million terms in orders of
 * their own, and then the last digit decides some of 10^8 ReLUs and maxima.
 */
export const TOLERANCES = { loss: 1e-4, gradient: 1e-3, parameter: 1e-4 } as const;
const differencesSchema = z.object({ loss: z.number(), gradient: z.number(), parameter: z.number() });
export type Differences = z.infer<typeof differencesSchema>;

export class UpdateDriver implements AsyncDisposable {
  readonly threads: number;
  readonly parameters: number;
  readonly #driver: Driver;

  private constructor(driver: Driver, opened: { readonly threads: number; readonly parameters: number }) {
    this.#driver = driver;
    this.threads = opened.threads;
    this.parameters = opened.parameters;
  }

  /** Starts the program and has it make parameters and data. */
  static async open(bench: Bench, program: UpdateProgram): Promise<UpdateDriver> {
    const folder = await mkdtemp(path.join(tmpdir(), 'srwm-bench-'));
    const driver = Driver.start('update', bench);
    try {
      const file = path.join(folder, 'plan.json');
      await writeFile(file, toJson(planOf(program, bench.device)));
      const opened = z.object({ threads: z.number(), parameters: z.number() });
      return new UpdateDriver(driver, await driver.call(opened, 'open', { plan: file }));
    } catch (error) {
      await driver[Symbol.asyncDispose]();
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Throws where loss, gradients or the parameters after one step differ: no time is reported of a wrong update. */
  async requireSameResult(): Promise<Differences> {
    const found = await this.#driver.call(differencesSchema, 'compare');
    for (const [name, tolerance] of Object.entries(TOLERANCES)) {
      const value = found[name as keyof Differences];
      if (!(value <= tolerance)) {
        throw new Error(
          `both updates must give one ${name} within ${tolerance}, got a difference of ${value}`,
        );
      }
    }
    return found;
  }

  /** Seconds of one update of each side. */
  pair(oursFirst: boolean): Promise<Pair> {
    return this.#driver.call(pairSchema, 'pair', { ours_first: oursFirst });
  }

  /** Seconds of one update of the traced program alone. */
  ours(): Promise<number> {
    return this.#driver.call(z.number(), 'ours');
  }

  /** Seconds of the hand-written network: an act step over all slots, and an update. */
  bare(actSteps: number): Promise<{ readonly act: number; readonly learn: number }> {
    return this.#driver.call(z.object({ act: z.number(), learn: z.number() }), 'bare', {
      act_steps: actSteps,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#driver[Symbol.asyncDispose]();
  }
}

function planOf(program: UpdateProgram, device: string) {
  const { config, initialize, data, update, columns } = program;
  const { train, algorithm } = config;
  const { encoder } = config.model;
  if (algorithm.kind !== 'impala' || encoder.kind !== 'impala_resnet' || train.optimizer.kind !== 'rmsprop') {
    throw new Error("internal: the rival is written for the paper's network and optimizer");
  }
  const { alpha, epsilon, momentum } = train.optimizer;
  const load = ({ hash, spec }: UpdateProgram['update']) => ({
    verb: 'load_graph',
    body: { hash, graph: spec },
  });
  const handles = dataHandles(program);
  return {
    device,
    set: SET,
    columns,
    learning_rate: train.learningRate,
    prepare: [
      { verb: 'configure', body: { device } },
      ...[initialize, data, update].map(load),
      {
        verb: 'create_parameters',
        body: { set: SET, graph: initialize.hash, inputs: initializationInputs(program) },
      },
      {
        verb: 'create_optimizer',
        body: {
          optimizer: SET,
          set: SET,
          algorithm: { kind: 'rmsprop', alpha, epsilon, momentum, centered: false, weight_decay: 0 },
        },
      },
      { verb: 'run', body: { graph: data.hash, set: null, inputs: dataKeys(), store: handles, fetch: [] } },
    ],
    accumulate: {
      graph: update.hash,
      optimizer: SET,
      inputs: updateInputs(program),
      loss: 'loss',
      report: update.spec.outputs.map(({ name }) => name),
    },
    apply: {
      optimizer: SET,
      learning_rate: train.learningRate,
      max_grad_norm: train.maxGradNorm,
      transform: null,
      inputs: {},
    },
    rival: {
      sizes: networkSizes(config.model),
      costs: {
        discount: algorithm.discount,
        baseline: algorithm.baselineCost,
        entropy: algorithm.entropyCost,
      },
      optimizer: { max_grad_norm: train.maxGradNorm, alpha, epsilon },
      unroll: Object.keys(handles).filter((name) => !name.startsWith('state/')),
      state: Object.entries(handles).flatMap(([name, id]) => (name.startsWith('state/') ? [id] : [])),
    },
  };
}

/** Keys are bigints of at most 31 bits. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? Number(one) : one));
}
