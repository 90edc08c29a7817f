/** Which parameters a loss can teach, and what an author should be told about the others. */
import type { GraphSpec } from '../../bridge/protocol/graph-spec.ts';
import { SrwmError } from '../../bridge/protocol/errors.ts';
import { isFloating } from './dtype.ts';
import type { Graph } from './graph.ts';
import { describeCallSite } from './location.ts';
import { valueSpecs } from './values.ts';

/**
 * Names of the parameters that the gradient of `output` reaches, in the order of the graph.
 *
 * @example parametersReached(graph.spec, 'loss') // ['encoder/dense/weight', ...]
 */
export function parametersReached(spec: GraphSpec, output: string): readonly string[] {
  const value = spec.outputs.find(({ name }) => name === output)?.value;
  const reached = value === undefined ? new Set<number>() : valuesReached(spec, [value]);
  return spec.parameters.filter((_, i) => reached.has(spec.inputs.length + i)).map(({ name }) => name);
}

/** The values through which gradients of `from` flow: floating ones, and none behind stopGradient. */
function valuesReached(spec: GraphSpec, from: readonly number[]): Set<number> {
  const specs = valueSpecs(spec);
  const differentiable = (value: number) => isFloating(specs[value]?.dtype ?? 'key');
  const reached = new Set(from.filter(differentiable));
  let first = specs.length;
  for (const node of [...spec.nodes].reverse()) {
    first -= node.results.length;
    const flows = node.results.some((_, i) => reached.has(first + i));
    if (flows && node.op !== 'aten.detach.default') {
      for (const input of inputsReached(node)) if (differentiable(input)) reached.add(input);
    }
  }
  return reached;
}

/** Inputs of a node; of one with a body only those that its body lets gradients through to. */
function inputsReached(node: GraphSpec['nodes'][number]): readonly number[] {
  const { body } = node;
  if (body === null) return node.inputs;
  const inside = valuesReached(
    body,
    body.outputs.map(({ value }) => value),
  );
  return node.inputs.filter((_, i) => inside.has(i));
}

/**
 * Sentences about parameters that the loss of a graph does not teach: declared and used by no output, or cut off.
 *
 * @example for (const sentence of checkLoss(graph, 'loss')) console.warn(sentence)
 * @throws SrwmError GRAPH_NO_GRADIENT at the author's line when the loss depends on no parameter at all.
 */
export function checkLoss(graph: Graph, loss: string): readonly string[] {
  const { spec } = graph;
  const reached = parametersReached(spec, loss);
  if (reached.length === 0) {
    throw new SrwmError(
      'GRAPH_NO_GRADIENT',
      `graph "${spec.name}": its loss "${loss}" must depend on a parameter, and no gradient reaches one.\n    at ${lineOfOutput(spec, loss)}`,
    );
  }
  const used = new Set(spec.parameters.map(({ name }) => name));
  const untaught = graph.declarations.filter(({ name }) => used.has(name) && !reached.includes(name));
  return [
    ...graph.warnings,
    ...untaught.map(
      ({ name, site }) =>
        `graph "${spec.name}": no gradient of "${loss}" reaches parameter "${name}", declared at ${describeCallSite(site)}: it stays as it is.`,
    ),
  ];
}

function lineOfOutput(spec: GraphSpec, output: string): string {
  let value = spec.inputs.length + spec.parameters.length;
  const wanted = spec.outputs.find(({ name }) => name === output)?.value ?? -1;
  for (const node of spec.nodes) {
    value += node.results.length;
    if (wanted < value) return spec.locs[node.loc] ?? 'an unknown line';
  }
  return 'an unknown line';
}
