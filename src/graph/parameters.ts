/** Trainable parameters, named by scope path and never by the order of calls. */
import { requireName, requireShape } from './declared.ts';
import { GraphError } from './errors.ts';
import { captureCallSite, describeCallSite } from './location.ts';
import { Tensor } from './tensor.ts';
import { currentTrace, type Initializer } from './trace.ts';

/**
 * Puts every parameter and node made in `body` under `name/`.
 *
 * @example scope('encoder', () => linear('dense', 64)(x)) // encoder/dense/weight, encoder/dense/bias
 */
export function scope<R>(name: string, body: () => R): R {
  const trace = currentTrace(`scope("${name}")`, captureCallSite(scope));
  trace.scopes.push(name);
  try {
    return body();
  } finally {
    trace.scopes.pop();
  }
}

/**
 * Declares the float32 parameter `scope path/name`. In a `scan` body it is shared by all steps.
 *
 * @throws GraphError GRAPH_NAME when the trace already has a parameter of that name, GRAPH_SHAPE when a size is no whole
 * number from 0.
 *
 * @example parameter('gain', [8], constant(1))
 */
export function parameter(name: string, shape: readonly number[], initializer: Initializer): Tensor {
  const site = captureCallSite(parameter);
  const trace = currentTrace(`parameter("${name}")`, site);
  requireName('parameter', name, () => site);
  requireShape(`parameter "${name}"`, shape, () => site);
  const path = trace.scope === '' ? name : `${trace.scope}/${name}`;
  const { root } = trace;
  const former = root.parameters.get(path);
  if (former !== undefined) {
    throw new GraphError(
      'GRAPH_NAME',
      `parameter "${path}": names must be unique, and one is declared at ${describeCallSite(former.site)} already.`,
      'Give this layer another name, or wrap it in scope("...").',
      site,
    );
  }
  const tensor = new Tensor(root, [...shape], 'float32', { kind: 'parameter', name: path, site });
  root.parameters.set(path, { tensor, name: path, initializer, site });
  return tensor;
}
