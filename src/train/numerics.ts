/** When an update's loss or gradient is not finite: runs the same inputs again, node by node, and says where it began. */
import { SrwmError } from '../../bridge/protocol/errors.ts';
import type { FailedAssertion } from '../graph/index.ts';
import type { UpdateRequest } from './learner.ts';
import type { Session } from './session.ts';

export async function explainNonFinite(
  session: Session,
  set: string,
  updateIndex: number,
  request: UpdateRequest,
): Promise<SrwmError> {
  const found = await locate(session, set, request);
  return new SrwmError(
    'NUMERICS_NONFINITE',
    `update ${updateIndex}: the loss and every gradient must be finite, got NaN or infinity; it began with ${describe(session, request, found)}.`,
    { detail: { updateIndex, graph: request.graph.name, ...found } },
  );
}

export async function explainAssertion(
  session: Session,
  set: string,
  updateIndex: number,
  request: UpdateRequest,
  failed: FailedAssertion,
): Promise<SrwmError> {
  const found = await locate(session, set, request);
  return assertionError(failed, `update ${updateIndex}: `, describe(session, request, found));
}

/** What `debug.assertFinite` says; `origin` is the first value that was not finite. */
export function assertionError(failed: FailedAssertion, who: string, origin: string | null): SrwmError {
  const began = origin === null ? '' : ` It began with ${origin}.`;
  return new SrwmError(
    'NUMERICS_ASSERTION',
    `${who}"${failed.name}" must be finite, got ${failed.what}.${began}\n    at ${failed.line}`,
    { detail: { ...failed } },
  );
}

function locate(session: Session, set: string, { graph, inputs, tensors }: UpdateRequest) {
  return session.call('locate', { graph: graph.hash, set, inputs: { ...inputs }, loss: 'loss' }, tensors);
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
