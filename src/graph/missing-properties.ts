/**
 * What a tensor says about properties that it does not have.
 *
 * The proxy stands behind `Tensor.prototype`: JavaScript asks it only for names that are found nowhere else, so that
 * methods and fields cost what they cost without it.
 */
import { misuse, Tensor } from './tensor.ts';

/** What an author of PyTorch, NumPy or JavaScript arrays may write, and what to write instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  T: 'Write x.transpose(0, 1).',
  mT: 'Write x.transpose(-2, -1).',
  view: 'Write x.reshape(shape).',
  ndim: 'Write x.rank.',
  dim: 'Write x.rank.',
  numel: 'Write x.shape.reduce((product, size) => product * size, 1).',
  length: 'Write x.size(0).',
  item: 'Return the tensor from the traced function and read it from the results.',
  numpy: 'Return the tensor from the traced function and read it from the results.',
  tolist: 'Return the tensor from the traced function and read it from the results.',
  detach: 'Write x.stopGradient().',
  backward: 'Return the loss: the worker runs the backward pass.',
  grad: 'Write a gradientTransform: gradients exist in the worker only.',
  float: "Write x.to('float32').",
  double: "Write x.to('float64').",
  half: "Write x.to('float16').",
  long: "Write x.to('int64').",
  int: "Write x.to('int32').",
  bool: "Write x.to('bool').",
  type: 'Write x.to(dtype).',
  cpu: 'Leave it out: the worker holds every tensor on its device.',
  cuda: 'Leave it out: the worker holds every tensor on its device.',
  contiguous: 'Leave it out: the worker chooses the memory order.',
  clone: 'Leave it out: nothing changes a tensor in place.',
  add_: 'Write x.add(...): nothing changes a tensor in place.',
  sub_: 'Write x.sub(...): nothing changes a tensor in place.',
  mul_: 'Write x.mul(...): nothing changes a tensor in place.',
  div_: 'Write x.div(...): nothing changes a tensor in place.',
  masked_fill: 'Write x.maskedFill(mask, value).',
  index_select: 'Write x.indexSelect(dim, index).',
  log_softmax: 'Write x.logSoftmax(dim).',
  var: 'Write x.variance(dims).',
  at: 'Write x.select(dim, index).',
  map: 'Operations work on all elements at once: write x.mul(2) and so on.',
  forEach: 'Operations work on all elements at once: write x.mul(2) and so on.',
  reduce: 'Write x.sum(), x.prod() or x.amax().',
  filter: 'Write where(condition, x, 0): a shape cannot depend on values.',
  concat: 'Write cat([x, y], dim).',
  push: 'Write cat([x, y], dim): nothing changes a tensor in place.',
};

function refuse(name: string): never {
  if (/^-?\d+$/.test(name))
    misuse(`tensor[${name}]: a tensor has no index access`, `Write x.select(0, ${name}).`);
  if (/^-?\d*:-?\d*(:-?\d*)?$/.test(name)) {
    const [start = '', end = ''] = name.split(':');
    const rest = end === '' ? '' : `, ${end}`;
    misuse(
      `tensor["${name}"]: a tensor has no slices in brackets`,
      `Write x.slice(0, ${start || 0}${rest}).`,
    );
  }
  return misuse(`tensor.${name}: a tensor has no such property`, INSTEAD[name] ?? 'See docs/ops.md.');
}

const isRefused = (name: string | symbol): name is string =>
  typeof name === 'string' && (/^-?\d*(:-?\d*){0,2}$/.test(name) || Object.hasOwn(INSTEAD, name));

Object.setPrototypeOf(
  Tensor.prototype,
  new Proxy(Object.create(Object.prototype) as object, {
    get: (target, name, receiver: unknown) =>
      isRefused(name) ? refuse(name) : (Reflect.get(target, name, receiver) as unknown),
    set: (target, name, value, receiver) =>
      isRefused(name)
        ? misuse(
            `tensor[${name}] = ...: nothing changes a tensor in place`,
            'Write scatter, indexPut or where.',
          )
        : Reflect.set(target, name, value, receiver),
  }),
);
