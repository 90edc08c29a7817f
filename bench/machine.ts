/** What the figures were taken on. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { packageFolder } from '../src/setup/index.ts';
import type { Bench } from './bench.ts';
import { Driver } from './driver.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Vector instructions of the processor as torch names them: AVX2, AVX512, ... */
  readonly vectors: string;
  readonly memory_gib: number;
  readonly platform: string;
  readonly device: string;
  readonly device_name: string;
  readonly threads: number;
  /** Of the minute before: figures of a busy machine are no figures. */
  readonly load_average: number;
}

export type Versions = Readonly<Record<string, string>>;

const describedSchema = z.object({
  versions: z.record(z.string(), z.string()),
  devices: z.array(z.string()).min(1),
  vectors: z.string(),
});

/** Asks Python and Node; the device is the first GPU where there is one. */
export async function describeMachine(
  bench: Omit<Bench, 'device'>,
): Promise<{ readonly machine: Machine; readonly versions: Versions }> {
  await using driver = Driver.start('describe', bench);
  const { versions, devices, vectors } = await driver.call(describedSchema, 'describe');
  const manifest = readFileSync(path.join(packageFolder(), 'package.json'), 'utf8');
  return {
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      vectors,
      memory_gib: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      device: devices.length > 1 ? 'cuda:0' : 'cpu',
      device_name: devices[1] ?? 'cpu',
      threads: bench.threads,
      load_average: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    },
    versions: {
      srwm: (JSON.parse(manifest) as { version: string }).version,
      node: process.versions.node,
      ...versions,
    },
  };
}

/** Whether the processor multiplies bfloat16 tiles itself (AMX), as Linux says; without that bfloat16 is no faster. */
export function hasBfloat16Tiles(): boolean {
  try {
    return /^flags\s*:.*\bamx_bf16\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
