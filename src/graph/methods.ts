/** The methods of Tensor: the functions of `functions/`, with the tensor as first argument. */
import type { Dtype } from '../../bridge/protocol/graph-spec.ts';
import type { Dims } from './dims.ts';
import * as indexing from './functions/indexing.ts';
import * as arithmetic from './functions/arithmetic.ts';
import * as elementwise from './functions/elementwise.ts';
import * as layers from './functions/layers.ts';
import * as ordering from './functions/ordering.ts';
import * as pointwise from './functions/pointwise.ts';
import * as rearranging from './functions/rearranging.ts';
import * as reductions from './functions/reductions.ts';
import * as shapes from './functions/shapes.ts';
import type { PreciseMethods } from './precise-methods.ts';
import { misuse, Tensor } from './tensor.ts';

const methods = {
  ...pick(arithmetic, [
    'add',
    'sub',
    'mul',
    'div',
    'pow',
    'maximum',
    'minimum',
    'clamp',
    'eq',
    'lt',
    'le',
    'gt',
    'ge',
  ]),
  ...pick(arithmetic, ['logicalNot', 'logicalAnd', 'logicalOr']),
  ...pick(elementwise, [
    'neg',
    'abs',
    'sign',
    'exp',
    'log',
    'log1p',
    'sqrt',
    'rsqrt',
    'sin',
    'cos',
    'relu',
    'elu',
  ]),
  ...pick(elementwise, ['gelu', 'silu', 'sigmoid', 'tanh', 'softplus', 'square', 'stopGradient']),
  to: elementwise.cast,
  ...pick(reductions, [
    'sum',
    'mean',
    'amax',
    'amin',
    'logsumexp',
    'variance',
    'argmax',
    'cumsum',
    'softmax',
  ]),
  ...pick(reductions, ['logSoftmax']),
  ...pick(shapes, [
    'reshape',
    'flatten',
    'permute',
    'transpose',
    'expand',
    'unsqueeze',
    'squeeze',
    'slice',
    'select',
  ]),
  ...pick(shapes, ['flip', 'gather', 'indexSelect', 'diagonal']),
  matmul: layers.matmul,
  ...pick(arithmetic, ['ne']),
  ...pick(pointwise, ['floorDivide', 'remainder', 'logicalXor', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor']),
  ...pick(pointwise, ['ceil', 'floor', 'round', 'trunc', 'tan', 'atan', 'exp2', 'expm1', 'log2', 'log10']),
  ...pick(pointwise, ['erf', 'isnan', 'isinf', 'isfinite', 'nanToNum', 'lerp', 'leakyRelu', 'mish']),
  ...pick(ordering, ['any', 'all', 'prod', 'std', 'norm', 'normalize', 'argmin', 'max', 'min', 'median']),
  ...pick(ordering, ['sort', 'argsort', 'topk', 'cumprod', 'cummax', 'cummin']),
  ...pick(rearranging, ['repeat', 'tile', 'roll', 'tril', 'triu', 'split', 'chunk', 'unbind', 'pad']),
  ...pick(rearranging, ['unflatten', 'movedim', 'unfold', 'diff']),
  ...pick(indexing, ['scatter', 'scatterAdd', 'takeAlongDim', 'maskedFill', 'indexAdd']),
};

function pick<M extends object, const N extends readonly (keyof M)[]>(
  module: M,
  names: N,
): Pick<M, N[number]> {
  return Object.fromEntries(names.map((name) => [name, module[name]])) as Pick<M, N[number]>;
}

type Methods = {
  [N in keyof typeof methods]: (typeof methods)[N] extends (first: never, ...rest: infer R) => infer T
    ? (...rest: R) => T
    : never;
};

declare module './tensor.ts' {
  interface Tensor<out S extends Dims = Dims> extends Omit<Methods, keyof PreciseMethods>, PreciseMethods {
    /** The same values as another dtype. */
    to<T extends Dims>(this: Tensor<T>, dtype: Dtype): Tensor<T>;
  }
}

for (const [name, method] of Object.entries(methods) as [
  string,
  (first: Tensor, ...rest: never[]) => Tensor,
][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: unknown, ...rest: never[]) {
      // `const f = x.add; f(1)` loses its tensor.
      if (!(this instanceof Tensor)) {
        misuse(`${name} was called without its tensor`, `Write x.${name}(...), or (y) => x.${name}(y).`);
      }
      return method(this, ...rest);
    },
  });
}
