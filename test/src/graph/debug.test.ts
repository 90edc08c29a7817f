import { describe, expect, test } from 'vitest';
import { presetNamed, presets, resolveConfig } from '../../../src/config/index.ts';
import {
  checkpoint,
  debug,
  initializationOf,
  keySpec,
  parameter,
  relu,
  scan,
  scope,
  tensorSpec,
  trace,
  zeros,
  type Tensor,
} from '../../../src/graph/index.ts';
import { stepCore } from '../../../src/models/index.ts';
import { graphsOf } from '../../../src/runs/index.ts';
import { gradientTransform } from '../../../src/train/index.ts';

const x = { x: tensorSpec([3, 2]) };

describe('a program without probes', () => {
  test.each([
    [
      'tiny',
      [
        'd20fcfba7b58e5ae0937b54f731e5400',
        '421bd9e2867d31d49279f38a7be4d1b6',
        '33089f5c744969edf52c91f1ce98eb57',
      ],
    ],
    ['procgen-easy', ['9139e1c46f03be855d5578cff923549e', 'b58ca66a42fe68c44968f6981800f5f5']],
  ] as const)('is the graph that it was before there were probes: %s', (name, hashes) => {
    const graphs = graphsOf(resolveConfig(presetNamed(name).config(), `preset ${name}`, []));
    expect(graphs.map(({ hash }) => hash)).toEqual(hashes);
    expect(graphs.flatMap(({ probes }) => probes)).toEqual([]);
  });
});

describe('a probe', () => {
  test('adds outputs behind those of the program, named by its scope, and returns the tensor', () => {
    const graph = trace('seen', x, ({ x }) => ({
      y: scope('layer', () => debug.print(relu(x), 'out', { every: 5 })).add(1),
    }));
    expect(graph.spec.outputs.map(({ name }) => name)).toEqual([
      'y',
      ...['count', 'min', 'max', 'mean', 'std'].map((one) => `debug/print/layer/out/${one}`),
      ...[0, 1, 2, 3, 4, 5].map((i) => `debug/print/layer/out/value${i}`),
    ]);
    expect(graph.probes).toMatchObject([
      { kind: 'print', name: 'layer/out', every: 5, shape: [3, 2], dtype: 'float32', isStacked: false },
    ]);
    expect(graph.probes[0]?.line).toMatch(/^test\/src\/graph\/debug\.test\.ts:\d+:\d+$/);
  });

  test('of one name is numbered, so that a layer may be used twice', () => {
    const graph = trace('twice', x, ({ x }) => {
      for (let i = 0; i < 3; i++) debug.watch({ h: x.add(i) });
      debug.print(x, 'h');
      return { x };
    });
    expect(graph.probes.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'watch h',
      'watch h#2',
      'watch h#3',
      'print h',
    ]);
  });

  test('in a scan sees all steps, also in a scan or a checkpoint inside it, at its own line', () => {
    const graph = trace('steps', x, ({ x }) => {
      const { ys } = scan({ carry: { h: zeros([2]) }, xs: { x } }, ({ carry, x: now }) => {
        const h = debug.print(carry.h.add(now.x), 'h');
        const { twice } = checkpoint({ h }, ({ h: inner }) => ({
          twice: debug.print(inner.mul(2), 'inner'),
        }));
        return { carry: { h }, y: { twice } };
      });
      return { y: ys.twice };
    });
    expect(graph.probes).toMatchObject([
      { name: 'h', shape: [3, 2], isStacked: true },
      { name: 'inner', shape: [3, 2], isStacked: true },
    ]);
    const lines = graph.probes.map(({ line }) => Number(line.split(':')[1]));
    expect(lines[1]).toBeGreaterThan(lines[0] ?? Infinity);
  });

  test('in a core stays out of the graphs that act', () => {
    const core = (look: (h: Tensor) => void) =>
      stepCore('leaky', { size: 4 }, (input, h) => {
        const next = h.mul(0.5).add(input.sum(-1, { keepdim: true }));
        look(next);
        return [next, next];
      });
    const resolved = resolveConfig(presets.tiny(), 'preset tiny', []);
    const plain = graphsOf(resolved, { core: core(() => undefined) });
    const seen = graphsOf(resolved, { core: core((h) => debug.watch({ h })) });
    const [act, update, targets] = seen.map(({ hash }, i) => hash === plain[i]?.hash);
    expect([act, update, targets]).toEqual([true, false, true]);
    expect(seen.map(({ probes }) => probes.length)).toEqual([0, 1, 0]);
  });
});

describe('is refused at its line:', () => {
  const key = { ...x, key: keySpec };
  test.each([
    ['no name', 'GRAPH_NAME', ({ x }: { x: Tensor }) => debug.print(x, '')],
    ['a name with a space', 'GRAPH_NAME', ({ x }: { x: Tensor }) => debug.watch({ 'my h': x })],
    ['a broken `every`', 'GRAPH_ARGUMENT', ({ x }: { x: Tensor }) => debug.print(x, 'x', { every: 0 })],
    ['a random key', 'GRAPH_DTYPE', ({ key }: { key: Tensor }) => debug.print(key, 'key')],
    [
      'integers that must be finite',
      'GRAPH_DTYPE',
      ({ x }: { x: Tensor }) => debug.assertFinite(x.to('int64'), 'x'),
    ],
    ['nothing to look at', 'GRAPH_ARGUMENT', ({ x }: { x: Tensor }) => debug.print(x.slice(0, 0, 0), 'x')],
    ['no tensor', 'GRAPH_TRACE', () => debug.print(3 as unknown as Tensor, 'x')],
    ['a tensor of another trace', 'GRAPH_CAPTURE', () => debug.print(foreign(), 'x')],
  ])('%s', (_, code, look) => {
    const tracing = () =>
      trace('wrong', key, (given) => {
        look(given);
        return { y: given.x };
      });
    expect(tracing).toThrow(expect.objectContaining({ code }) as Error);
    expect(tracing).toThrow(/at test\/src\/graph\/debug\.test\.ts:\d+/);
  });

  test('one outside a trace', () => {
    expect(() => debug.print(foreign(), 'x')).toThrow(
      expect.objectContaining({ code: 'GRAPH_TRACE' }) as Error,
    );
  });

  test('one in an initializer, and one in a gradient transform', () => {
    const graph = trace('parameters', x, ({ x }) => {
      const w = parameter('w', [2], (shape) => debug.print(zeros(shape), 'start'));
      return { loss: x.mul(w).mean() };
    });
    expect(() => initializationOf('initialize', graph.declarations)).toThrow(/not in an initializer/);
    const transform = gradientTransform('look', ({ gradients }) => {
      debug.watch(gradients);
      return gradients;
    });
    expect(() => transform.graphFor(graph)).toThrow(/not in a gradient transform/);
  });
});

function foreign(): Tensor {
  let kept: Tensor | null = null;
  trace('other', x, (given) => {
    kept = given.x;
    return { x: given.x };
  });
  return kept as unknown as Tensor;
}
