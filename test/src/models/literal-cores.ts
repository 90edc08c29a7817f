/** Every core once more, in plain numbers, one step of one sequence at a time, as the equations stand in the papers. */

type Vector = readonly number[];
type Matrix = readonly Vector[];

/** A parameter's numbers and shape by its name. */
export type Parameters = ReadonlyMap<string, { readonly values: Vector; readonly shape: readonly number[] }>;

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
const add = (a: Vector, b: Vector): number[] => a.map((value, i) => value + (b[i] as number));
const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

function softmax(z: Vector): number[] {
  const powers = z.map((value) => Math.exp(value));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

function normalizedElu(z: Vector): number[] {
  const positive = z.map((value) => (value > 0 ? value + 1 : Math.exp(value)));
  const total = positive.reduce((sum, value) => sum + value, 0);
  return positive.map((value) => value / (total + 1e-5));
}

/** x [R] times w [R, C]. */
const times = (x: Vector, w: Matrix): number[] =>
  (w[0] as Vector).map((_, column) =>
    x.reduce((sum, value, row) => sum + value * ((w[row] as Vector)[column] as number), 0),
  );

const zeros = (rows: number, columns: number): number[][] =>
  Array.from({ length: rows }, () => Array<number>(columns).fill(0));

/** W + k (beta (v - k W)). */
function written(w: Matrix, k: Vector, v: Vector, beta: number): number[][] {
  const held = times(k, w);
  return w.map((row, i) =>
    row.map((value, j) => value + (k[i] as number) * beta * ((v[j] as number) - (held[j] as number))),
  );
}

function cutInto(x: Vector, sizes: readonly number[]): number[][] {
  let start = 0;
  return sizes.map((size) => x.slice(start, (start += size)));
}

/** What one head of one layer does with its part of the input; the state is its own. */
interface Head {
  step(x: Vector): number[];
}

class Network {
  readonly #parameters: Parameters;
  constructor(parameters: Parameters) {
    this.#parameters = parameters;
  }

  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  vector(name: string): Vector {
    const found = this.#parameters.get(name);
    if (found === undefined)
      throw new Error(`no parameter ${name}; there are ${[...this.#parameters.keys()].join(', ')}`);
    return found.values;
  }

  /** The last two dimensions of a parameter, at `index` of the first where it has three. */
  matrix(name: string, index = 0): Matrix {
    const values = this.vector(name);
    const [rows, columns] = (this.#parameters.get(name)?.shape ?? []).slice(-2) as [number, number];
    return Array.from({ length: rows }, (_, row) =>
      values.slice((index * rows + row) * columns, (index * rows + row + 1) * columns),
    );
  }

  linear(name: string, x: Vector): number[] {
    const made = this.matrix(`${name}/weight`).map((row) => dot(row, x));
    return this.has(`${name}/bias`) ? add(made, this.vector(`${name}/bias`)) : made;
  }

  norm(name: string, x: Vector): number[] {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const [weight, bias] = [this.vector(`${name}/weight`), this.vector(`${name}/bias`)];
    return x.map(
      (value, i) =>
        ((value - mean) / Math.sqrt(variance + 1e-5)) * (weight[i] as number) + (bias[i] as number),
    );
  }
}

/** W_t of a self-referential matrix: columns (y, q, k, beta). */
function selfReference(start: Matrix, d: number): (x: Vector) => number[] {
  const width = (start[0] as Vector).length;
  const outputDim = width - 2 * d - 4;
  const owner = (column: number) =>
    column < outputDim ? 0 : column < outputDim + d ? 1 : column < outputDim + 2 * d ? 2 : 3;
  let w = start.map((row) => [...row]);
  return (x) => {
    const [y, q, k, rates] = cutInto(times(softmax(x), w), [outputDim, d, d, 4]) as [
      number[],
      number[],
      number[],
      number[],
    ];
    const [query, key] = [softmax(q), softmax(k)];
    const [target, held] = [times(query, w), times(key, w)];
    w = w.map((row, i) =>
      row.map((value, j) => {
        const rate = sigmoid(rates[owner(j)] as number);
        return value + (key[i] as number) * rate * ((target[j] as number) - (held[j] as number));
      }),
    );
    return y;
  };
}

function headOf(kind: string, net: Network, layer: string, head: number, d: number): Head {
  let [memory, second] = [zeros(d, d), zeros(d, d)];
  let output: number[] = Array<number>(d).fill(0);
  switch (kind) {
    case 'srwm': {
      const refer = selfReference(net.matrix(`${layer}/srwm/w`, head), d);
      return { step: refer };
    }
    case 'fake_sr':
      return { step: (x) => times(x, net.matrix(`${layer}/static/w`, head)) };
    case 'sr_delta': {
      const refer = selfReference(net.matrix(`${layer}/srwm/w`, head), d);
      return {
        step: (x) => {
          const [q, k, v, rate] = cutInto(refer(x), [d, d, d, 1]) as [number[], number[], number[], number[]];
          memory = written(memory, softmax(k), v, sigmoid(rate[0] as number));
          return times(softmax(q), memory);
        },
      };
    }
    case 'delta_net':
      return {
        step: (x) => {
          const [q, k, v, rate] = cutInto(x, [d, d, d, 1]) as [number[], number[], number[], number[]];
          memory = written(memory, normalizedElu(k), v, sigmoid(rate[0] as number));
          return times(normalizedElu(q), memory);
        },
      };
    case 'linear_transformer':
      return {
        step: (x) => {
          const [q, k, v] = cutInto(x, [d, d, d]) as [number[], number[], number[]];
          const key = normalizedElu(k);
          memory = memory.map((row, i) =>
            row.map((value, j) => value + (key[i] as number) * (v[j] as number)),
          );
          return times(normalizedElu(q), memory);
        },
      };
    case 'recurrent_delta': {
      const recurrent = net.matrix(`${layer}/delta/recurrent`, head);
      return {
        step: (x) => {
          const all = add(x, times(output.map(Math.tanh), recurrent));
          const [q, k, v, rate] = cutInto(all, [d, d, d, 1]) as [number[], number[], number[], number[]];
          memory = written(memory, softmax(k), v, sigmoid(rate[0] as number));
          output = times(softmax(q), memory);
          return output;
        },
      };
    }
    case 'delta_rnn':
      return {
        step: (x) => {
          const parts = cutInto(x, [d, d, d, d, d, 1, 1]);
          const [q, k, v, rk, rv, rate, rrate] = parts as [
            number[],
            number[],
            number[],
            number[],
            number[],
            number[],
            number[],
          ];
          memory = written(memory, softmax(k), v, sigmoid(rate[0] as number));
          second = written(second, softmax(rk), rv, sigmoid(rrate[0] as number));
          output = add(times(softmax(output), second), times(softmax(q), memory));
          return output;
        },
      };
    case 'delta_delta': {
      let fast = zeros(d, 3 * d + 1);
      return {
        step: (x) => {
          const [q, k, v, rate] = cutInto(x, [d, d, 3 * d + 1, 1]) as [
            number[],
            number[],
            number[],
            number[],
          ];
          fast = written(fast, normalizedElu(k), v, sigmoid(rate[0] as number));
          const made = cutInto(times(normalizedElu(q), fast), [d, d, d, 1]);
          const [fq, fk, fv, frate] = made as [number[], number[], number[], number[]];
          memory = written(memory, normalizedElu(fk), fv, sigmoid(frate[0] as number));
          return times(normalizedElu(fq), memory);
        },
      };
    }
  }
  throw new Error(`no equations for ${kind}`);
}

/** Where a layer's parameters stand, and whether its input is normalised and projected first. */
const LAYERS: Readonly<Record<string, { readonly name: string; readonly projects: boolean }>> = {
  srwm: { name: 'srwm', projects: false },
  sr_delta: { name: 'srwm', projects: false },
  fake_sr: { name: 'static', projects: false },
  delta_net: { name: 'delta', projects: true },
  linear_transformer: { name: 'attention', projects: true },
  recurrent_delta: { name: 'delta', projects: true },
  delta_rnn: { name: 'rnn', projects: true },
  delta_delta: { name: 'delta', projects: true },
};

/** Outputs of a core over the steps xs of one sequence, from a state of zeros. */
export function literalCore(
  kind: string,
  {
    numHeads,
    numLayers,
    modelDim,
  }: { readonly numHeads: number; readonly numLayers: number; readonly modelDim: number },
  parameters: Parameters,
  xs: Matrix,
): number[][] {
  const net = new Network(parameters);
  if (kind === 'feed_forward') return xs.map((x) => [...x]);
  if (kind === 'lstm') return literalLstm(net, modelDim, xs);
  const d = modelDim / numHeads;
  const layers = [...Array(numLayers).keys()].map((index) => {
    const layer = `core/layer${index}`;
    const place = LAYERS[kind];
    const heads = [...Array(numHeads).keys()].map((head) =>
      place ? headOf(kind, net, layer, head, d) : null,
    );
    return (h: Vector): number[] => {
      const after =
        place === undefined
          ? [...h]
          : add(h, memoryOf(net, `${layer}/${place.name}`, place.projects, heads as Head[], h));
      const inner = net
        .linear(`${layer}/ff/in`, net.norm(`${layer}/ff/norm`, after))
        .map((value) => Math.max(0, value));
      return add(after, net.linear(`${layer}/ff/out`, inner));
    };
  });
  return xs.map((x) => layers.reduce((h, layer) => layer(h), net.linear('core/input', x)));
}

function memoryOf(
  net: Network,
  name: string,
  projects: boolean,
  heads: readonly Head[],
  h: Vector,
): number[] {
  const given = projects ? net.linear(`${name}/in`, net.norm(`${name}/norm`, h)) : h;
  const size = given.length / heads.length;
  const read = heads.flatMap((head, i) => head.step(given.slice(i * size, (i + 1) * size)));
  return net.linear(`${name}/out`, read);
}

function literalLstm(net: Network, size: number, xs: Matrix): number[][] {
  let [h, c] = [Array<number>(size).fill(0), Array<number>(size).fill(0)];
  return xs.map((x) => {
    const gates = add(net.linear('core/input', x), net.linear('core/recurrent', h));
    const [input, forget, cell, output] = cutInto(gates, [size, size, size, size]) as [
      number[],
      number[],
      number[],
      number[],
    ];
    c = c.map(
      (value, i) =>
        sigmoid(forget[i] as number) * value + sigmoid(input[i] as number) * Math.tanh(cell[i] as number),
    );
    h = c.map((value, i) => sigmoid(output[i] as number) * Math.tanh(value));
    return h;
  });
}
