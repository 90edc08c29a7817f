/** A spec that someone changed after tracing must not reach a worker. */
import { describe, expect, it } from 'vitest';
import type { GraphSpec } from '../../../bridge/protocol/graph-spec.ts';
import { parameter, scan, tensorSpec, trace, verify, zeros } from '../../../src/graph/index.ts';
import { constant } from '../../../src/nn/index.ts';

function sound(): GraphSpec {
  const inputs = { x: tensorSpec([4, 3]), y: tensorSpec([3]) };
  const graph = trace('sound', inputs, ({ x, y }) => {
    const { ys } = scan({ carry: { c: zeros([3]) }, xs: { x } }, ({ carry, x: step }) => {
      const c = carry.c.mul(parameter('decay', [3], constant(1))).add(step.x);
      return { carry: { c }, y: { c } };
    });
    return { sum: ys.c.add(y), mean: ys.c.mean() };
  });
  return structuredClone(graph.spec);
}

/** What verify says about the sound spec after a change. */
function verdict(change: (spec: GraphSpec) => void): { readonly code: unknown; readonly message: string } {
  const spec = sound();
  change(spec);
  try {
    verify(spec);
  } catch (error) {
    return { code: (error as { code: unknown }).code, message: (error as Error).message };
  }
  throw new Error('verify must refuse the spec, but it passed.');
}

const nodeOf = (spec: GraphSpec, op: string) => spec.nodes.find((node) => node.op === op)!;

describe('verify', () => {
  it('accepts what trace makes', () => {
    expect(() => verify(sound())).not.toThrow();
  });

  it.each<[string, (spec: GraphSpec) => void, RegExp]>([
    [
      'an unknown op',
      (spec) => (spec.nodes[0]!.op = 'aten.airy_ai.default'),
      /unknown operation "aten\.airy_ai\.default"/,
    ],
    [
      'a name that only Object has',
      (spec) => (spec.nodes[0]!.op = 'toString'),
      /unknown operation "toString"/,
    ],
    [
      'a wrong shape',
      (spec) => (nodeOf(spec, 'aten.add.Tensor').results[0]!.shape = [4, 4]),
      /states float32\[4, 4\], its rules give float32\[4, 3\]/,
    ],
    [
      'a wrong dtype',
      (spec) => (nodeOf(spec, 'aten.add.Tensor').results[0]!.dtype = 'float64'),
      /states float64\[4, 3\], its rules give float32\[4, 3\]/,
    ],
    ['a missing result', (spec) => nodeOf(spec, 'srwm.scan').results.pop(), /states .*, its rules give/],
    [
      'inputs that break a rule',
      (spec) => (spec.inputs[1]!.shape = [5]),
      /cannot broadcast \[4, 3\] with \[5\]/,
    ],
    [
      'a value before it exists',
      (spec) => (spec.nodes[0]!.inputs = [99]),
      /node 0 \(aten\.full\.default\) reads value 99 before it exists/,
    ],
    [
      'a node that reads itself',
      (spec) =>
        (nodeOf(spec, 'aten.mean.dim').inputs = [spec.outputs.find(({ name }) => name === 'mean')!.value]),
      /before it exists/,
    ],
    ['a line that is not listed', (spec) => (spec.nodes[0]!.loc = 99), /has no location 99/],
    [
      'two inputs of one name',
      (spec) => (spec.inputs[1]!.name = 'x'),
      /share the input or parameter name "x"/,
    ],
    [
      'an input with the name of a parameter',
      (spec) => (spec.inputs[1]!.name = 'decay'),
      /share the input or parameter name "decay"/,
    ],
    ['two outputs of one name', (spec) => (spec.outputs[1]!.name = 'sum'), /share the output name "sum"/],
    [
      'an output without a value',
      (spec) => (spec.outputs[0]!.value = 99),
      /output "sum" names value 99, which does not exist/,
    ],
    [
      'a fault in the body of a scan',
      (spec) => (nodeOf(spec, 'srwm.scan').body!.nodes[0]!.op = 'aten.airy_ai.default'),
      /graph "sound\.scan": node 0 has the unknown operation/,
    ],
    [
      'a carry that changes its shape',
      (spec) => {
        const body = nodeOf(spec, 'srwm.scan').body!;
        body.outputs[0]!.value = body.nodes.length > 0 ? valueAfter(body, [1, 3]) : 0;
      },
      /carry "carry\/c" must keep its shape \[3\], the body returns \[1, 3\]/,
    ],
  ])('refuses %s', (_, change, message) => {
    const error = verdict(change);
    expect(error.code).toBe('GRAPH_INVALID');
    expect(error.message).toMatch(message);
  });
});

/** Appends a node that unsqueezes the last value, and returns its number. */
function valueAfter(body: GraphSpec, shape: number[]): number {
  const count = body.inputs.length + body.parameters.length + body.nodes.length;
  body.nodes.push({
    op: 'aten.unsqueeze.default',
    inputs: [count - 1],
    attrs: { dim: 0 },
    results: [{ shape, dtype: 'float32' }],
    loc: 0,
    scope: '',
    body: null,
  });
  return count;
}
