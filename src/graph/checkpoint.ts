/** `checkpoint`: rematerialisation, as one node of the graph. */
import { observe } from './debug.ts';
import { GraphError } from './errors.ts';
import { finish } from './finish.ts';
import { checkOutputs } from './graph.ts';
import { captureCallSite } from './location.ts';
import type { Tensor } from './tensor.ts';
import { addInput, currentTrace, emitAll, Trace, within } from './trace.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/**
 * Runs `body` without keeping what it computes inside; the backward pass runs it again (Chen et al. 2016). It costs
 * one more forward pass of the body and saves the memory of its intermediate values. Values and gradients are the same.
 *
 * `body` may declare parameters. Tensors from outside come in through `inputs`.
 *
 * @example const { y } = checkpoint({ x }, ({ x }) => ({ y: block(x) }))
 */
export function checkpoint<I extends Tensors, O extends Tensors>(inputs: I, body: (inputs: I) => O): O {
  const site = captureCallSite(checkpoint);
  const outer = currentTrace('checkpoint', site);
  if (Object.keys(inputs).length === 0) {
    throw new GraphError(
      'GRAPH_ARGUMENT',
      'checkpoint: at least one input is required, got none.',
      'Write checkpoint({ x }, ({ x }) => ({ y: ... })).',
      site,
    );
  }
  const inner = new Trace(`${outer.name}.checkpoint`, outer);
  const outputs = within(inner, () => {
    const bound = Object.entries(inputs).map(([name, { shape, dtype }]) => [
      name,
      addInput(inner, name, { shape: [...shape], dtype }, site),
    ]);
    const made = checkOutputs('checkpoint', body(Object.fromEntries(bound) as I), inner, site);
    return new Map([...made, ...inner.probes.map(({ tensor }, i) => [`debug/${i}`, tensor] as const)]);
  });
  const spec = finish(inner, outputs);
  const parameters = spec.parameters.map(({ name }) => inner.root.parameters.get(name)?.tensor as Tensor);
  const results = emitAll('srwm.checkpoint', [...Object.values(inputs), ...parameters], {}, spec);
  const names = [...outputs.keys()].slice(0, outputs.size - inner.probes.length);
  inner.probes.forEach((probe, i) =>
    observe(outer, { ...probe, tensor: results[names.length + i] as Tensor }),
  );
  return Object.fromEntries(names.map((name, i) => [name, results[i]])) as O;
}
