/** The Linear Transformer: a memory to which key-value pairs are added. */
import { scan } from '../../graph/index.ts';
import { entering } from './carry.ts';
import { carried, type CoreContext, type SequenceCore } from './core.ts';
import { MEMORY, type MemoryCoreOptions } from './delta-net.ts';
import { headDimOf, mergeHeads, normalizedElu, projectHeads } from './heads.ts';
import { outerProduct, readAt } from './memory.ts';
import { layerStack } from './stack.ts';

/**
 * Layers of [additive memory, feed-forward] (Katharopoulos et al. 2020, as the released `--use_lt`): F grows by the outer
 * product of k and v, then q is read. Each layer carries `layerN/fast_weights` [B, H, D, D].
 */
export function linearTransformerCore(
  options: MemoryCoreOptions,
  { scheme, bptt }: CoreContext,
): SequenceCore {
  const headDim = headDimOf(options);
  const { numHeads, modelDim } = options;
  return layerStack(options, scheme, {
    stateShapes: (batch) => ({ [MEMORY]: [batch, numHeads, headDim, headDim] }),
    apply: (h, isFirst, state) => {
      const sizes = [headDim, headDim, headDim] as const;
      const [q, k, v] = projectHeads('attention', h, numHeads, sizes, scheme);
      const [time, batch] = isFirst.shape as [number, number];
      const first = isFirst.reshape([time, batch, 1, 1, 1]);
      const { carry, ys } = scan(
        {
          carry: { memory: carried(state, MEMORY) },
          xs: { q: normalizedElu(q), k: normalizedElu(k), v, first },
        },
        ({ carry: { memory }, x }) => {
          const next = entering(memory, x.first, bptt).add(outerProduct(x.k, x.v));
          return { carry: { memory: next }, y: { o: readAt(x.q, next) } };
        },
      );
      return { y: mergeHeads('attention', ys.o, modelDim, scheme), state: { [MEMORY]: carry.memory } };
    },
  });
}
