/** The rules of TypeScript against torch, in bulk: random operations and random graphs over the whole table. */
import { execa } from 'execa';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GraphSpec } from '../../../../bridge/protocol/graph-spec.ts';
import { RuleFault } from '../../../../src/graph/errors.ts';
import { printGraph } from '../../../../src/graph/index.ts';
import type { Attributes, OpDefinition } from '../../../../src/graph/ops/definition.ts';
import { opTable } from '../../../../src/graph/ops/table.ts';
import { formatSpec } from '../../../../src/graph/spec-format.ts';
import { needsPython, places, python } from '../../../support/session.ts';
import { Draw, type Wanted } from './draw.ts';
import { drawGraph } from './graphs.ts';
import { samplers, type PlainOp } from './samplers.ts';
import { notDifferentiable, stricter, wontRunHere } from './known.ts';

const SEED = 20260;
const GRAPHS = 2100;
/** Draws of each operation. */
const PER_OP = { verdicts: 16, values: 6, gradients: 3 };

interface Single {
  readonly op: PlainOp;
  readonly inputs: readonly Wanted[];
  readonly attrs: Attributes;
}
type Answer = { readonly specs?: readonly string[]; readonly error?: string };
interface Answers {
  readonly verdicts: readonly Answer[];
  readonly graphs: readonly Answer[];
  readonly values: readonly (Answer & { readonly difference?: number })[];
  readonly gradients: readonly { readonly checked?: boolean; readonly error?: string }[];
}

const seeds = (count: number, salt: number) =>
  fc.sample(fc.noBias(fc.integer({ min: 0, max: 2 ** 31 - 1 })), { numRuns: count, seed: SEED + salt });

function singles(perOp: number, careless: number, salt: number): Single[] {
  const ops = Object.keys(samplers) as PlainOp[];
  return seeds(ops.length * perOp, salt).map((seed, i) => {
    const op = ops[i % ops.length] as PlainOp;
    const { inputs, attrs } = samplers[op](new Draw(seed, careless));
    return { op, inputs, attrs };
  });
}

/** Result specs, or the sentence of the rule that refuses. */
function judged({ op, inputs, attrs }: Single): Answer {
  const rules = opTable[op] as unknown as OpDefinition<Attributes>;
  try {
    const shapes = rules.shape(inputs, attrs, null);
    const dtypes = rules.dtype(inputs, attrs, null);
    return { specs: shapes.map((shape, i) => formatSpec({ shape, dtype: dtypes[i] ?? 'float32' })) };
  } catch (fault) {
    if (fault instanceof RuleFault) return { error: fault.message };
    throw fault;
  }
}

const told = ({ op, inputs, attrs }: Single) =>
  `${op}(${inputs.map(formatSpec).join(', ')}) ${JSON.stringify(attrs)}`;

async function ask(question: object): Promise<Answers> {
  const file = new URL('reference.py', import.meta.url).pathname;
  const { stdout } = await execa(places.python, [file], {
    input: JSON.stringify(question),
    env: { PYTHONPATH: places.pythonPath },
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(stdout) as Answers;
}

describe.skipIf(python === null)(`rules and torch (${needsPython})`, () => {
  const drawn = singles(PER_OP.verdicts, 0.12, 1);
  const graphs = seeds(GRAPHS, 2).map((seed, i) => drawGraph(new Draw(seed, 0.05), i));
  const values = singles(PER_OP.values, 0, 3).filter((single) => judged(single).error === undefined);
  const gradients = singles(PER_OP.gradients, 0, 4).filter(
    (single) => judged(single).error === undefined && !(single.op in notDifferentiable),
  );
  let answers: Answers;
  beforeAll(async () => {
    const specs: readonly GraphSpec[] = graphs.map(({ spec }) => spec);
    const doubted = drawn.map((single) => ({ ...single, doubted: judged(single).error !== undefined }));
    answers = await ask({ verdicts: doubted, graphs: specs, values, gradients });
  }, 10 * 60_000);

  it('agree on every drawn operation: both accept with equal results, or both refuse', () => {
    const differences = drawn.flatMap((single, i) => {
      const [ours, theirs] = [judged(single), answers.verdicts[i] as Answer];
      if (ours.error !== undefined && theirs.error !== undefined) return [];
      if (ours.error !== undefined)
        return stricter(single.op, ours.error) === null
          ? [`refused by us: ${told(single)}: ${ours.error}`]
          : [];
      if (theirs.error !== undefined) return [`refused by torch: ${told(single)}: ${theirs.error}`];
      const [a, b] = [ours.specs?.join(), theirs.specs?.join()];
      return a === b ? [] : [`${told(single)}: ${a} by us, ${b} by torch`];
    });
    expect(differences).toEqual([]);
  });

  it(`agree on ${GRAPHS} random graphs, value by value`, () => {
    const differences = graphs.flatMap(({ spec }, i) => {
      const all = [...spec.inputs, ...spec.parameters, ...spec.nodes.flatMap(({ results }) => results)];
      const ours = spec.outputs.map(({ value }) => formatSpec(all[value] as (typeof all)[number])).join();
      const { specs, error } = answers.graphs[i] as Answer;
      return specs?.join() === ours ? [] : [`${error ?? specs?.join()}\n${printGraph(spec)}`];
    });
    expect(differences.slice(0, 5)).toEqual([]);
    const used = new Set(graphs.flatMap(({ spec }) => spec.nodes.map(({ op }) => op)));
    const keyed = ['srwm.random_uniform', 'srwm.random_normal'];
    expect(Object.keys(opTable).filter((op) => !used.has(op) && !keyed.includes(op))).toEqual([]);
    expect(graphs.reduce((sum, { spec }) => sum + spec.nodes.length, 0)).toBeGreaterThan(GRAPHS * 5);
  });

  it('agree on numbers: the worker gives what the ATen overload of the wire name gives', () => {
    const differences = values.flatMap((single, i) => {
      const { specs, difference = 0, error } = answers.values[i] as Answers['values'][number];
      if (error !== undefined)
        return wontRunHere(single.op, error) === null ? [`${told(single)}: ${error}`] : [];
      if (specs?.join() !== judged(single).specs?.join()) return [`${told(single)}: ${specs?.join()}`];
      return difference <= 1e-5 ? [] : [`${told(single)}: differs by ${difference}`];
    });
    expect(differences).toEqual([]);
    expect(values.length).toBeGreaterThan(900);
  });

  it('agree on gradients: those of the worker are the finite differences of its values', () => {
    const faults = gradients.flatMap((single, i) => {
      const { error } = answers.gradients[i] as Answers['gradients'][number];
      return error === undefined ? [] : [`${told(single)}: ${error}`];
    });
    expect(faults).toEqual([]);
    const checked = new Set(
      gradients.filter((_, i) => answers.gradients[i]?.checked === true).map(({ op }) => op),
    );
    expect(checked.size).toBeGreaterThan(120);
  });
});
