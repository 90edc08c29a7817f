/** Random programs over the whole op table: what an operation needs is found among the values made so far. */
import { opNames, type WireOp } from '../../../../bridge/protocol/op-names.ts';
import * as g from '../../../../src/graph/index.ts';
import { GraphError, parameter, tensorSpec, type Graph, type Tensor } from '../../../../src/graph/index.ts';
import { emitAll } from '../../../../src/graph/trace.ts';
import { ALL, FLOATS, type Draw, type Wanted } from './draw.ts';
import { samplers, type PlainOp } from './samplers.ts';

const NODES = 6;

/** A graph whose outputs are all its values. */
export function drawGraph(d: Draw, index: number): Graph {
  const inputs = Object.fromEntries(
    ['a', 'b', 'c'].map((name) => [name, tensorSpec(d.any(name === 'a' ? FLOATS : ALL).shape, d.pick(ALL))]),
  );
  return g.trace(`drawn_${index}`, inputs, (given) => {
    const pool = Object.values<Tensor>(given);
    pool.push(parameter('w', [d.size(), d.size()], (shape) => g.zeros(shape)));
    for (let step = 0; step < NODES; step++) {
      // A stride over the table, so that every operation comes as often as any other.
      const op = opNames[(index * NODES + step) % opNames.length] as WireOp;
      pool.push(...attempt(() => apply(d, op, pool)));
    }
    return Object.fromEntries(pool.map((tensor, i) => [`v${i}`, tensor]));
  });
}

/** The results, or none where the rules refuse. */
function attempt(make: () => readonly Tensor[]): readonly Tensor[] {
  try {
    return make();
  } catch (error) {
    if (error instanceof GraphError) return [];
    throw error;
  }
}

function apply(d: Draw, op: WireOp, pool: readonly Tensor[]): readonly Tensor[] {
  if (op === 'srwm.scan') return applyScan(d, pool);
  if (op === 'srwm.checkpoint') return applyCheckpoint(d, pool);
  return plain(d, op, pool);
}

function plain<K extends PlainOp>(d: Draw, op: K, pool: readonly Tensor[]): readonly Tensor[] {
  const { inputs, attrs } = samplers[op](d);
  if (inputs.some(({ dtype }) => dtype === 'key')) return [];
  return emitAll(
    op,
    inputs.map((wanted) => found(d, wanted, pool)),
    attrs,
  );
}

/** A value of this shape and dtype; made from another one where there is none. */
function found(d: Draw, { shape, dtype }: Wanted, pool: readonly Tensor[]): Tensor {
  const fits = pool.filter((x) => x.dtype === dtype && x.shape.join() === shape.join());
  if (fits.length > 0) return d.pick(fits);
  const full = g.full(shape, 1, dtype === 'key' ? 'float32' : dtype);
  const floats = pool.filter((x) => x.dtype === 'float32' || x.dtype === 'float64');
  if (floats.length === 0 || d.chance(0.8)) return full;
  return full.add(d.pick(floats).sum().to(dtype)).to(dtype);
}

const ELEMENTWISE = [
  'aten.tanh.default',
  'aten.mul.Tensor',
  'aten.add.Scalar',
  'aten.sigmoid.default',
] as const;

function body(d: Draw, x: Tensor, c: Tensor): Tensor {
  let made = c.mul(0.5).add(x);
  for (const op of Array.from({ length: d.int(1, 3) }, () => d.pick(ELEMENTWISE))) {
    if (op === 'aten.mul.Tensor') made = made.mul(x);
    else if (op === 'aten.add.Scalar') made = made.add(1);
    else made = op === 'aten.tanh.default' ? made.tanh() : made.sigmoid();
  }
  return made.to(c.dtype);
}

function applyScan(d: Draw, pool: readonly Tensor[]): readonly Tensor[] {
  const shape = d.shape(0, 2);
  const x = found(d, { shape: [d.int(1, 3), ...shape], dtype: 'float32' }, pool);
  const { carry, ys } = g.scan(
    { carry: { c: found(d, { shape, dtype: 'float32' }, pool) }, xs: { x }, reverse: d.chance(0.5) },
    ({ carry: before, x: step }) => {
      const c = body(d, step.x, before.c);
      return { carry: { c }, y: { c, sum: c.sum() } };
    },
  );
  return [carry.c, ys.c, ys.sum];
}

function applyCheckpoint(d: Draw, pool: readonly Tensor[]): readonly Tensor[] {
  const shape = d.shape(0, 2);
  const inputs = {
    x: found(d, { shape, dtype: 'float32' }, pool),
    c: found(d, { shape, dtype: 'float64' }, pool),
  };
  const made = g.checkpoint(inputs, ({ x, c }) => ({ y: body(d, x, c), z: x.mean() }));
  return [made.y, made.z];
}
