/** Initialisation is itself a graph: one random key a parameter in, the parameters out. */
import { refuseProbes } from './debug.ts';
import { GraphError } from './errors.ts';
import { keySpec, trace, type Graph } from './graph.ts';
import { formatShape } from './shape.ts';
import type { ParameterDeclaration } from './trace.ts';

/** The graph whose outputs are the initial values of the given parameters, by name. */
export function initializationOf(name: string, declarations: readonly ParameterDeclaration[]): Graph {
  const sorted = [...declarations].sort((a, b) => (a.name < b.name ? -1 : 1));
  const keys = Object.fromEntries(sorted.map((declaration) => [declaration.name, keySpec]));
  const graph = trace(name, keys, (inputs) =>
    Object.fromEntries(
      sorted.map((declaration) => {
        const { shape } = declaration.tensor;
        const key = inputs[declaration.name];
        if (key === undefined) throw new Error(`internal: no key for ${declaration.name}`);
        const value = declaration.initializer(shape, key);
        if (formatShape(value.shape) !== formatShape(shape) || value.dtype !== 'float32') {
          throw new GraphError(
            'GRAPH_SHAPE',
            `parameter "${declaration.name}": its initializer must return float32 ${formatShape(shape)}, got ${value.dtype} ${formatShape(value.shape)}.`,
            'Let the initializer use the shape that it is given.',
            declaration.site,
          );
        }
        return [declaration.name, value];
      }),
    ),
  );
  refuseProbes(graph.probes, 'an initializer');
  return graph;
}

/** The names of the keys that an initialisation graph takes: those of its parameters. */
export function initializationKeys(graph: Graph): readonly string[] {
  return graph.spec.inputs.map(({ name }) => name);
}
