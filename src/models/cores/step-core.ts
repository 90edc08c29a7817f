/** A core from a single step of an author's own. */
import {
  captureCallSite,
  GraphError,
  requireName,
  requireShape,
  scan,
  scope,
  shown,
  Tensor,
  where,
  type CallSite,
} from '../../graph/index.ts';
import { carried, type SequenceCore } from './core.ts';

/**
 * A core from one step: `step(x [B, M], h [B, size])` returns [output [B, ...], next h]. `scan` owns the loop, and
 * the state goes back to zero before every step whose isFirst is true.
 *
 * @throws GraphError GRAPH_NAME or GRAPH_SHAPE for a name or a size that cannot be; while tracing, GRAPH_TRACE when a step
 * returns no pair of tensors.
 *
 * @example stepCore('leaky', { size: 128 }, (x, h) => { const next = h.mul(0.9).add(relu(linear('in', 128)(x))); return [next, next] })
 */
export function stepCore(
  name: string,
  options: { readonly size: number },
  step: (x: Tensor, h: Tensor) => readonly [output: Tensor, next: Tensor],
): SequenceCore {
  const site = captureCallSite(stepCore);
  requireName('stepCore', name, () => site);
  requireShape(`stepCore("${name}")`, [options.size], () => site);
  return {
    stateShapes: (batch) => ({ [name]: [batch, options.size] }),
    apply: (x, isFirst, state) =>
      scope(name, () => {
        const h = carried(state, name);
        const result = scan(
          { carry: { h }, xs: { x, isFirst: isFirst.unsqueeze(-1) } },
          ({ carry, x: now }) => {
            const [output, next] = pairOf(name, step(now.x, where(now.isFirst, 0, carry.h)), site);
            return { carry: { h: next }, y: { output } };
          },
        );
        return { y: result.ys.output, state: { [name]: result.carry.h } };
      }),
  };
}

function pairOf(name: string, made: unknown, site: CallSite): readonly [Tensor, Tensor] {
  const [output, next, ...more] = Array.isArray(made) ? (made as readonly unknown[]) : [];
  if (output instanceof Tensor && next instanceof Tensor && more.length === 0) return [output, next];
  throw new GraphError(
    'GRAPH_TRACE',
    `stepCore("${name}"): a step must return [output, next], two tensors, got ${made instanceof Tensor ? 'one tensor' : shown(made)}.`,
    'Write return [output, next]; where both are the same, return [next, next].',
    site,
  );
}
