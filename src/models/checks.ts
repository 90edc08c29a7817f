/** What parts of an author's own must give back; a fault names the tensor and the line that made it. */
import { describeTensor, GraphError, type Tensor } from '../graph/index.ts';
import type { CoreState } from './cores/index.ts';

/** @throws GraphError GRAPH_SHAPE unless features are [rows, M], floating. */
export function checkFeatures(features: Tensor, rows: number): void {
  if (features.rank === 2 && features.shape[0] === rows && features.dtype.includes('float')) return;
  wrong('encoder: must return floating features [N, M]', `N = ${rows} (T times B)`, features);
}

/** @throws GraphError GRAPH_SHAPE unless y is [T, B, M] and the state has the declared names and shapes. */
export function checkCoreResult(
  y: Tensor,
  state: CoreState,
  [time, batch]: readonly [number, number],
  declared: Readonly<Record<string, readonly number[]>>,
): void {
  if (y.rank !== 3 || y.shape[0] !== time || y.shape[1] !== batch)
    wrong('core: must return y [T, B, M]', `T = ${time}, B = ${batch}`, y);
  for (const [name, shape] of Object.entries(declared)) {
    const next = state[name];
    if (next === undefined) {
      throw new GraphError(
        'GRAPH_NAME',
        `core: must return every state that stateShapes names, got no "${name}" among ${Object.keys(state).join(', ') || 'none'}.`,
        'Return { y, state: { ...same names } }.',
        y.origin.site,
      );
    }
    if (next.shape.join() !== shape.join())
      wrong(`core: state "${name}" must keep its shape [${shape.join(', ')}]`, 'as stateShapes says', next);
  }
}

function wrong(requirement: string, where: string, got: Tensor): never {
  throw new GraphError(
    'GRAPH_SHAPE',
    `${requirement} with ${where}, got ${got.dtype} [${got.shape.join(', ')}], ${describeTensor(got)}.`,
    'Reshape or cast it before you return it.',
    got.origin.site,
  );
}
