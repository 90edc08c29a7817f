"""Checks the arguments of `srwm_step_`."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..checks import check_devices, check_finite, check_tensors, dtype_name, shape
from ..checks import wrong as wrong_of
from ..memory import is_apart, overlap
from .arguments import check_state_dtype, check_w

OP = 'srwm_step_'


def check_step_devices(
    x: Tensor, w: Tensor, fast_weight_delta: Tensor, is_first: Tensor | None, _: bool, out: Tensor | None
) -> None:
    """All that tensors without memory are asked: torch would take a call with one of them for a call of none."""
    others = {'w': w, 'fast_weight_delta': fast_weight_delta, 'is_first': is_first, 'out': out}
    check_devices(OP, 'x', x.device, others)


def check_step(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor,
    is_first: Tensor | None,
    input_softmax: bool,
    out: Tensor | None,
) -> None:
    """Raises KERNEL_ARGUMENT for the first argument of `srwm_step_` that does not fit."""
    wrong = functools.partial(wrong_of, OP)
    check_tensors(OP, {'x': x, 'w': w, 'fast_weight_delta': fast_weight_delta})
    check_tensors(OP, {'is_first': is_first, 'out': out}, optional=True)
    if x.dim() != 3:
        raise wrong('x', 'be [B,H,D]', shape(x))
    check_w(OP, x, w)
    if input_softmax is not True and input_softmax is not False:
        raise wrong('input_softmax', 'be a bool', repr(input_softmax))
    batch, heads, head_dim = x.shape
    if fast_weight_delta.shape != (batch, *w.shape):
        raise wrong('fast_weight_delta', f'be {[batch, *w.shape]}', shape(fast_weight_delta))
    check_state_dtype(OP, fast_weight_delta, w)
    if is_first is not None and (is_first.dtype != torch.bool or is_first.shape != (batch,)):
        raise wrong('is_first', f'be bool {[batch]}', f'{dtype_name(is_first.dtype)} {shape(is_first)}')
    y_shape = (batch, heads, w.shape[2] - 2 * head_dim - 4)
    if out is not None and (out.shape != y_shape or out.dtype != x.dtype):
        required = f'be {dtype_name(x.dtype)} {list(y_shape)}'
        raise wrong('out', required, f'{dtype_name(out.dtype)} {shape(out)}')
    check_step_devices(x, w, fast_weight_delta, is_first, input_softmax, out)
    for label, tensor, dense in (('fast_weight_delta', fast_weight_delta, 2), ('out', out, 1)):
        if tensor is None:
            continue
        if not is_apart(tensor, dense):
            last = 'its last dimension' if dense == 1 else 'its last two dimensions'
            strides = f'strides {list(tensor.stride())}'
            raise wrong(label, f'have {last} dense and no memory in common with itself', strides)
        for other, given in (('x', x), ('w', w), ('out', out)):
            if given is not None and other != label and overlap(tensor, given):
                raise wrong(label, f'share no memory with {other}', 'one that does')
    check_finite(OP, 'w', w)
