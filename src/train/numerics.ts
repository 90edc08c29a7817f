/** When an update's loss or gradient is not finite: runs the same inputs again, node by node, and says where it began. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { UpdateRequest } from './learner.ts';
import type { Session } from './session.ts';

export async function explainNonFinite(
  session: Session,
  set: string,
  updateIndex: number,
  request: UpdateRequest,
): Promise<SrwmError> {
  const { graph } = request;
  const found = await session.call(
    'locate',
    { graph: graph.hash, set, inputs: { ...request.inputs }, loss: 'loss' },
    request.tensors,
  );
  return new SrwmError(
    'NUMERICS_NONFINITE',
    `update ${updateIndex}: the loss and every gradient must be finite, got NaN or infinity; it began with ${describe(session, request, found)}.`,
    { detail: { updateIndex, graph: graph.name, ...found } },
  );
}

function describe(
  session: Session,
  { graph }: UpdateRequest,
  found: { readonly source: string | null; readonly node: number | null; readonly gradient: string | null },
): string {
  if (found.source !== null) return `"${found.source}", an input of graph "${graph.name}"`;
  if (found.node !== null) {
    const op = graph.spec.nodes[found.node]?.op.split('.')[1] ?? 'a node';
    return `the result of ${op} at ${session.lineOf(graph.hash, found.node)}`;
  }
  if (found.gradient !== null)
    return `the gradient of parameter "${found.gradient}", while every value was finite`;
  return 'the sum of finite gradients, which overflows';
}
