/** Traced programs between the backward pass and the clipping of an update. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import {
  parameter,
  refuseProbes,
  tensorSpec,
  trace,
  zeros,
  type Graph,
  type Tensor,
} from '../graph/index.ts';

type Named = Readonly<Record<string, Tensor>>;

/** What a transform is given, by parameter name. */
export interface GradientsGiven {
  readonly gradients: Named;
  readonly parameters: Named;
}

/** Turns gradients into others; the worker runs it after the backward pass and before the clip by the global norm. */
export interface GradientTransform {
  readonly name: string;
  /** The graph over the parameters that `loss` teaches. */
  graphFor(loss: Graph, taught: readonly string[]): Graph;
}

/**
 * A rule from gradients to gradients, written with the same operations as a model.
 *
 * `program` returns the new gradients by name, each of the shape of its parameter; a name that it leaves out keeps
 * the gradient it has.
 *
 * @example gradientTransform('sign', ({ gradients }) => mapTensors(gradients, (gradient) => gradient.sign()))
 */
export function gradientTransform(
  name: string,
  program: (given: GradientsGiven) => Named,
): GradientTransform {
  return {
    name,
    graphFor(loss, taught) {
      const specs = loss.spec.parameters.filter((spec) => taught.includes(spec.name));
      const inputs = Object.fromEntries(
        specs.map((spec) => [`gradient/${spec.name}`, tensorSpec(spec.shape)]),
      );
      const graph = trace(name, inputs, (given) => {
        const gradients = Object.fromEntries(
          specs.map((spec) => [spec.name, given[`gradient/${spec.name}`] as Tensor]),
        );
        const parameters = Object.fromEntries(
          // Never initialised from here: the worker binds the parameters of the optimizer by name.
          specs.map((spec) => [spec.name, parameter(spec.name, spec.shape, (shape) => zeros(shape))]),
        );
        const made = program({ gradients, parameters });
        return Object.fromEntries(
          Object.entries(made).map(([key, value]) => [`gradient/${key}`, fitting(key, value, gradients)]),
        );
      });
      refuseProbes(graph.probes, 'a gradient transform');
      return graph;
    },
  };
}

/** The new gradient, refused where its shape or name is not that of a parameter. */
function fitting(name: string, made: Tensor, gradients: Named): Tensor {
  const former = gradients[name];
  if (former === undefined) {
    throw new SrwmError(
      'GRAPH_NAME',
      `gradientTransform: must return gradients of ${Object.keys(gradients).join(', ')}, got "${name}".`,
    );
  }
  // A result of another shape would be broadcast silently by the optimizer; here it is an error of shapes.
  if (made.shape.join() !== former.shape.join() || made.dtype !== former.dtype) {
    throw new SrwmError(
      'GRAPH_SHAPE',
      `gradientTransform: the gradient of "${name}" must be ${former.dtype} [${former.shape.join(', ')}], got ${made.dtype} [${made.shape.join(', ')}].`,
    );
  }
  return made;
}

/**
 * Applies one function to every tensor of a record.
 *
 * @example gradientTransform('sign', ({ gradients }) => mapTensors(gradients, (gradient) => gradient.sign()))
 */
export function mapTensors(
  tensors: Named,
  change: (tensor: Tensor, name: string) => Tensor,
): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));
}
