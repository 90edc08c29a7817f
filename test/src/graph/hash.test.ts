/** The hash names a program: equal for what must share a worker's cache, different for what computes otherwise. */
import { describe, expect, it } from 'vitest';
import {
  full,
  parameter,
  scan,
  scope,
  tensorSpec,
  trace,
  zeros,
  type Graph,
  type Tensor,
} from '../../../src/graph/index.ts';
import { constant, linear } from '../../../src/nn/index.ts';

const x = tensorSpec([2, 3]);
const of = (program: (x: Tensor) => Record<string, Tensor>): Graph =>
  trace('model', { x }, ({ x: given }) => program(given));
const step = (factor: number, reverse = false) =>
  of((given) => {
    const { ys } = scan({ carry: { h: zeros([3]) }, xs: { given }, reverse }, ({ carry, x: now }) => {
      const h = carry.h.mul(factor).add(now.given);
      return { carry: { h }, y: { h } };
    });
    return ys;
  });

describe('the hash of a graph', () => {
  it('is the same on every machine', () => {
    expect(of((given) => ({ y: given.mul(0.5).sum() })).hash).toBe('558d774a21923e91e49817aaddf8722e');
  });

  it('does not depend on lines, names of graphs and names of scopes without parameters', () => {
    const plain = of((given) => ({ y: given.relu() }));
    const moved = trace('other', { x }, (given) => scope('somewhere', () => ({ y: given.x.relu() })));
    expect(moved.hash).toBe(plain.hash);
    expect(moved.spec).not.toEqual(plain.spec);
  });

  it('does not depend on the order in which parameters are declared', () => {
    const sum = (names: readonly string[]) =>
      of((given) => {
        const made = new Map(names.map((name) => [name, parameter(name, [3], constant(1))]));
        return { y: given.add(made.get('a') as Tensor).mul(made.get('b') as Tensor) };
      });
    expect(sum(['a', 'b']).hash).toBe(sum(['b', 'a']).hash);
  });

  it('does not depend on nodes and parameters that no output needs', () => {
    const plain = of((given) => ({ y: given.relu() }));
    const more = of((given) => {
      linear('lost', 3)(given);
      return { y: given.relu() };
    });
    expect(more.hash).toBe(plain.hash);
  });

  const base = () => of((given) => ({ y: given.mul(2).add(full([], 0)) }));
  it.each<[string, () => Graph, () => Graph]>([
    [
      'a shape',
      base,
      () => trace('model', { x: tensorSpec([2, 4]) }, (i) => ({ y: i.x.mul(2).add(full([], 0)) })),
    ],
    [
      'a dtype',
      base,
      () => trace('model', { x: tensorSpec([2, 3], 'float64') }, (i) => ({ y: i.x.mul(2).add(full([], 0)) })),
    ],
    [
      'the name of an input',
      base,
      () => trace('model', { z: x }, (i) => ({ y: i.z.mul(2).add(full([], 0)) })),
    ],
    ['the name of an output', base, () => of((i) => ({ z: i.mul(2).add(full([], 0)) }))],
    ['an attribute', base, () => of((i) => ({ y: i.mul(3).add(full([], 0)) }))],
    ['the sign of a zero', base, () => of((i) => ({ y: i.mul(2).add(full([], -0)) }))],
    [
      'an infinity',
      () => of((i) => ({ y: i.clamp(null, Infinity) })),
      () => of((i) => ({ y: i.clamp(null, 1e308) })),
    ],
    [
      'an infinity that was null',
      () => of((i) => ({ y: i.clamp(0, Infinity) })),
      () => of((i) => ({ y: i.clamp(0, null) })),
    ],
    ['an operation', base, () => of((i) => ({ y: i.add(2).add(full([], 0)) }))],
    [
      'the order of operands',
      () => of((i) => ({ y: i.sub(i.relu()) })),
      () => of((i) => ({ y: i.relu().sub(i) })),
    ],
    ['a list', () => of((i) => ({ y: i.reshape([3, 2]) })), () => of((i) => ({ y: i.reshape([6, 1]) }))],
    [
      'the name of a parameter',
      () => of((i) => ({ y: linear('a', 2)(i) })),
      () => of((i) => ({ y: linear('b', 2)(i) })),
    ],
    ['what a scan body does', () => step(0.5), () => step(0.25)],
    ['the direction of a scan', () => step(0.5), () => step(0.5, true)],
  ])('differs with %s', (_, one, other) => {
    expect(one().hash).not.toBe(other().hash);
    expect(one().hash).toBe(one().hash);
  });
});
