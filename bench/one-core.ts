/**
 * Figures of small messages are taken on one core: between two, a message waits for an idle core to wake, several
 * times what any software on its way takes, and where the system puts the processes decides the ratio.
 */
import { z } from 'zod';
import type { Bench } from './bench.ts';
import { Driver } from './driver.ts';
import { CannotMeasure } from './row.ts';

const coresSchema = z.object({ cores: z.array(z.number()).min(1) });

/** This process on one core, and what it starts meanwhile. */
export class OneCore implements AsyncDisposable {
  readonly index: number;
  readonly #driver: Driver;
  readonly #cores: readonly number[];

  private constructor(driver: Driver, cores: readonly number[]) {
    this.#driver = driver;
    this.#cores = cores;
    this.index = cores.at(-1) as number;
  }

  /** Until it is disposed of. Throws CannotMeasure where the system cannot hold a process to a core. */
  static async hold(bench: Bench): Promise<OneCore> {
    if (process.platform !== 'linux') throw new CannotMeasure('only Linux holds a process to one core');
    const driver = Driver.start('affinity', bench);
    const { cores } = await driver.call(coresSchema, 'pin', { pid: process.pid });
    return new OneCore(driver, cores);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver.call(z.null(), 'release', { pid: process.pid, cores: this.#cores });
    await this.#driver[Symbol.asyncDispose]();
  }
}
