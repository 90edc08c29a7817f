/** Traced programs between the backward pass and the clipping of an update. */
import {
  captureCallSite,
  GraphError,
  parameter,
  parametersReached,
  refuseProbes,
  shown,
  Tensor,
  tensorSpec,
  trace,
  zeros,
  type CallSite,
  type Graph,
} from '../graph/index.ts';

/** Tensors by their parameter's full name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** What a transform is given, by parameter name. */
export interface GradientsGiven {
  readonly gradients: NamedTensors;
  readonly parameters: NamedTensors;
}

/** Turns gradients into others; the worker runs it after the backward pass and before the clip by the global norm. */
export interface GradientTransform {
  readonly name: string;
  /** The graph over the parameters that the output `loss` of a graph reaches. */
  graphFor(loss: Graph): Graph;
}

/**
 * A rule from gradients to gradients, written with the same operations as a model.
 *
 * `program` is given all gradients and parameters that the loss reaches, by name, and returns the new gradients by name,
 * each of the shape of its parameter; a name that it leaves out keeps the gradient it has. Give it to `impala`, `ppo` or
 * `defineRun` as `gradients`.
 *
 * @example
 * const signs = gradientTransform('sign', ({ gradients }) => mapTensors(gradients, (gradient) => gradient.sign()));
 * for await (const update of impala({ env: catchGame(), gradients: signs })) console.log(update.grad_norm);
 * @throws GraphError GRAPH_NAME when `name` cannot name a file, GRAPH_ARGUMENT without a function; while tracing, GRAPH_NAME or GRAPH_SHAPE when a result
 * has no parameter's name or not its shape.
 */
export function gradientTransform(
  name: string,
  program: (given: GradientsGiven) => NamedTensors,
): GradientTransform {
  const site = captureCallSite(gradientTransform);
  if (!/^[A-Za-z][\w-]*$/.test(name)) {
    throw new GraphError(
      'GRAPH_NAME',
      `gradientTransform: its name must be letters, digits, "-" and "_", got "${name}".`,
      'Choose a name like "sign".',
      site,
    );
  }
  if (typeof (program as unknown) !== 'function') {
    throw new GraphError(
      'GRAPH_ARGUMENT',
      `gradientTransform("${name}"): must be given a function, got ${shown(program)}.`,
      'Write gradientTransform(name, ({ gradients, parameters }) => newGradients).',
      site,
    );
  }
  return {
    name,
    graphFor(loss) {
      const taught = parametersReached(loss.spec, 'loss');
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
        const made: unknown = program({ gradients, parameters });
        requireRecord(name, made, site);
        return Object.fromEntries(
          Object.entries(made).map(([key, value]) => [
            `gradient/${key}`,
            fitting(key, value, gradients, site),
          ]),
        );
      });
      refuseProbes(graph.probes, 'a gradient transform');
      return graph;
    },
  };
}

function requireRecord(
  name: string,
  made: unknown,
  site: CallSite,
): asserts made is Readonly<Record<string, unknown>> {
  if (typeof made === 'object' && made !== null && !(made instanceof Tensor)) return;
  throw new GraphError(
    'GRAPH_TRACE',
    `gradientTransform "${name}": must return gradients by parameter name, got ${shown(made)}.`,
    'Return mapTensors(gradients, (gradient) => ...), or { [name]: gradient } for some of them.',
    site,
  );
}

/** The new gradient, refused where its shape or name is not that of a parameter. */
function fitting(name: string, made: unknown, gradients: NamedTensors, site: CallSite): Tensor {
  const former = gradients[name];
  if (former === undefined) {
    throw new GraphError(
      'GRAPH_NAME',
      `gradientTransform: must return gradients of ${Object.keys(gradients).join(', ')}, got "${name}".`,
      'Use the names that `gradients` has.',
      site,
    );
  }
  if (!(made instanceof Tensor)) {
    throw new GraphError(
      'GRAPH_TRACE',
      `gradientTransform: the gradient of "${name}" must be a tensor, got ${shown(made)}.`,
      'Leave a name out to keep its gradient; for none, write gradient.mul(0).',
      site,
    );
  }
  // A result of another shape would be broadcast silently by the optimizer; here it is an error of shapes.
  if (made.shape.join() !== former.shape.join() || made.dtype !== former.dtype) {
    throw new GraphError(
      'GRAPH_SHAPE',
      `gradientTransform: the gradient of "${name}" must be ${former.dtype} [${former.shape.join(', ')}], got ${made.dtype} [${made.shape.join(', ')}].`,
      'A gradient has the shape of its parameter.',
      made.origin.site,
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
  tensors: NamedTensors,
  change: (tensor: Tensor, name: string) => Tensor,
): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));
}
