/** bfloat16 in dense layers and convolutions: TypeScript casts there, and nowhere else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presets, type Config } from '../../../src/config/index.ts';
import { updateLoop, actGraph, agentFor, Session } from '../../../src/train/index.ts';
import { noise } from '../../support/random-numbers.ts';
import { needsPython, places, python, startSession, tensor } from '../../support/session.ts';
import { SMALL, tiny } from '../runs/run-fixture.ts';
import { makeSet, runOn } from './sets.ts';

const SPACES = { observationShape: [8, 8, 3], observationDtype: 'uint8' as const, numActions: 3 };
const BATCH = 4;
const base = presets.tiny();
const withPrecision = (precision: Config['hardware']['precision'], config: Config = base): Config => ({
  ...config,
  hardware: { ...config.hardware, device: 'cpu', precision },
});
const encoders = {
  mlp: base,
  patch_conv: presets.tiny({
    columns: 8,
    model: { encoder: { kind: 'patch_conv', patch: 4, channels: [4, 8], outputDim: 16 } },
  }),
  impala_resnet: presets.tiny({
    columns: 8,
    model: { encoder: { kind: 'impala_resnet', channels: [4, 8], outputDim: 16 } },
  }),
};
const graphOf = (config: Config) => actGraph(agentFor(config, SPACES), BATCH, 'greedy');

describe('precision', () => {
  it('leaves the graphs as they are unless it is bfloat16', () => {
    expect(graphOf(withPrecision('tf32')).hash).toBe(graphOf(withPrecision('float32')).hash);
    expect(graphOf(withPrecision('bfloat16')).hash).not.toBe(graphOf(withPrecision('float32')).hash);
  });

  it.each(Object.entries(encoders))(
    'is bfloat16 inside %s and the dense layers, and float32 around them',
    (_, config) => {
      const { spec } = graphOf(withPrecision('bfloat16', config));
      const dtypes = [...spec.inputs, ...spec.parameters].map(({ dtype }) => dtype);
      const results = spec.nodes.map(({ op, results: made }) => ({ op, dtype: made[0]?.dtype }));
      expect(new Set(dtypes)).toEqual(new Set(['uint8', 'float32', 'bool']));
      expect(dtypes).toContain('float32');
      const half = new Set(results.filter(({ dtype }) => dtype === 'bfloat16').map(({ op }) => op));
      expect(half.size).toBeGreaterThan(1);
      for (const { op, dtype } of results) {
        if (op.includes('convolution') || op.includes('addmm')) expect(dtype, op).toBe('bfloat16');
        if (op.startsWith('srwm.') || op.includes('layer_norm')) expect(dtype, op).toBe('float32');
      }
    },
  );

  it('tf32 is refused on a CPU before a worker starts', () => {
    expect(() => tiny('hardware.precision=tf32', 'hardware.device=cpu')).toThrow(
      /tf32 is how NVIDIA GPUs multiply.*set by --set hardware.precision=tf32/,
    );
  });
});

describe.skipIf(python === null)(`bfloat16 in the worker (${needsPython})`, { timeout: 60_000 }, () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession();
  });
  afterAll(() => session?.close());

  it.each(Object.entries(encoders))('says nearly what float32 says, with %s', async (name, config) => {
    const given = {
      observation: tensor(
        noise(BATCH * 192, 1).map((value) => Math.floor(128 + 127 * value)),
        [1, BATCH, 8, 8, 3],
        'uint8',
      ),
      reward: tensor([0.5, -0.5, 1, 0], [1, BATCH]),
      is_first: tensor([0, 0, 1, 0], [1, BATCH], 'bool'),
      'state/layer0/fast_weight_delta': tensor(
        noise(BATCH * 4 * 8 * 28, 2).map((value) => value / 5),
        [BATCH, 4, 8, 28],
      ),
    };
    const [full, half] = [withPrecision('float32', config), withPrecision('bfloat16', config)].map(graphOf);
    await makeSet(session, name, full!);
    const [wanted, found] = [
      await runOn(session, name, full!, given),
      await runOn(session, name, half!, given),
    ];
    for (const output of ['logits', 'baseline', 'state/layer0/fast_weight_delta']) {
      const size = Math.max(...wanted[output]!.map(Math.abs));
      const worst = Math.max(...wanted[output]!.map((value, i) => Math.abs(value - found[output]![i]!)));
      expect(worst / size, output).toBeLessThan(0.05);
    }
    expect(found['baseline']).not.toEqual(wanted['baseline']);
  });

  it('is learnt in: losses stay finite and parameters move', async () => {
    const { config } = tiny(...SMALL, 'hardware.precision=bfloat16', 'train.totalEnvSteps=128');
    const events = updateLoop({ session, config, places, stop: new AbortController().signal });
    const seen: number[] = [];
    for await (const { losses } of events) seen.push(losses['loss'] ?? NaN);
    expect(seen).toHaveLength(4);
    expect(seen.every(Number.isFinite)).toBe(true);
  });

  it('tf32 is refused where auto finds no GPU', async () => {
    const start = Session.start(places, { device: 'auto', precision: 'tf32', threads: 1 }, { logFile: null });
    const refused = await start.then(
      async (one) => {
        const { device } = one;
        await one.close();
        return device;
      },
      (error: unknown) => (error as { code: string }).code,
    );
    expect(refused).toMatch(/^CONFIG_INVALID$|^cuda/);
  });
});
