/** Where we differ from torch on purpose, and why. */
import type { PlainOp } from './samplers.ts';

interface Known {
  readonly op: RegExp;
  readonly message: RegExp;
  readonly why: string;
}

const STRICTER: readonly Known[] = [
  {
    op: /linalg_solve\.default/,
    message: /could be one matrix or many vectors/,
    why: 'torch chooses between a matrix and a batch of vectors by the sizes alone.',
  },
  {
    op: /scaled_dot_product_attention/,
    message: /mask must have at least 2 dimensions|cannot broadcast/,
    why: "Some of torch's kernels read the last two dimensions of a mask, and look at no shape when a size is 0.",
  },
  {
    op: /./,
    message: /dimension must be an integer in \[0, -1\]/,
    why: 'A tensor without dimensions has none to name; torch lets 0 and -1 pass, which hides a lost dimension.',
  },
  {
    op: /logical_(and|or|xor)/,
    message: /input must be bool/,
    why: 'A number is no truth value here: x.ne(0) says what is meant.',
  },
  {
    op: /index_(select|add|copy|put)|index\.Tensor|take_along_dim|scatter|gather/,
    message: /index must be int64/,
    why: 'One index dtype everywhere; bool would make the shape depend on values.',
  },
  {
    op: /scatter/,
    message: /must have one shape; slice the source/,
    why: 'torch takes a larger source and then fails in the backward pass.',
  },
  {
    op: /unbind/,
    message: /nothing to hand out/,
    why: 'A node without results could not be named.',
  },
  {
    op: /loss|kl_div|cosine_similarity|binary_cross_entropy|index_put|index_copy|searchsorted|logaddexp/,
    message: /must have one dtype|must be \w+ like the input|must be floating/,
    why: 'Mixed inputs promote differently on fake, CPU and CUDA tensors: cast first.',
  },
  {
    op: /linear|conv|softmax|hardtanh|einsum|pool|upsample/,
    message: /must be floating/,
    why: 'Integers pass on some devices or for some settings only: cast first.',
  },
  {
    op: /remainder\.Scalar|shift/,
    message: /must be a number|must be integers/,
    why: 'bool is no number; torch would count it as 0 and 1.',
  },
  {
    op: /masked_fill/,
    message: /value must be a whole number/,
    why: 'torch drops the fraction without a word.',
  },
  {
    op: /_batch_norm_with_update_functional/,
    message: /must be float32 or float64 to train/,
    why: 'torch returns the statistics of half precision in another dtype than it was given.',
  },
  {
    op: /pad/,
    message: /needs elements to repeat/,
    why: 'torch repeats the elements of an empty dimension on some devices only.',
  },
  {
    op: /_batch_norm_with_update_functional/,
    message: /must be \[\d+\], got/,
    why: 'torch does not look at the sizes of weight, bias and statistics here, and reads beyond them.',
  },
];

const NOT_HERE: readonly Known[] = [];

function reason(list: readonly Known[], op: PlainOp, message: string): string | null {
  return list.find((known) => known.op.test(op) && known.message.test(message))?.why ?? null;
}

/** Why a rule refuses what torch accepts; null when nothing is known. */
export const stricter = (op: PlainOp, message: string) => reason(STRICTER, op, message);
/** Why torch's CPU build refuses what its shape rules accept; null when nothing is known. */
export const wontRunHere = (op: PlainOp, message: string) => reason(NOT_HERE, op, message);

/** Operations whose gradient is not that of their values, and why. */
export const notDifferentiable: Readonly<Partial<Record<PlainOp, string>>> = {
  'srwm.srwm': 'bptt "step" cuts gradients on purpose; test/kernels holds both forms',
  'srwm.delta_rule': 'bptt "step" cuts gradients on purpose; test/kernels holds both forms',
  'aten.detach.default': 'stops the gradient: that is its use',
  'aten.scatter.src': 'with an index twice one value wins, and the gradient of the other is not defined',
  'aten.index_copy.default':
    'with an index twice one value wins, and the gradient of the other is not defined',
  'aten.index_put.default':
    'with an index twice one value wins, and the gradient of the other is not defined',
};
