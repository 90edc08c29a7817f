"""Checks the arguments of `delta_rule_step_`."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..checks import HALF_DTYPES, check_devices, check_tensors, dtype_name, shape
from ..checks import wrong as wrong_of
from ..memory import is_apart, overlap
from .arguments import state_dtype

OP = 'delta_rule_step_'


def check_step_devices(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor,
    is_first: Tensor | None,
    out: Tensor | None,
) -> None:
    """All that tensors without memory are asked: torch would take a call with one of them for a call of none."""
    others = {'k': k, 'v': v, 'beta': beta, 'fast_weights': fast_weights, 'is_first': is_first, 'out': out}
    check_devices(OP, 'q', q.device, others)


def check_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor,
    is_first: Tensor | None,
    out: Tensor | None,
) -> None:
    """Raises KERNEL_ARGUMENT for the first argument of `delta_rule_step_` that does not fit."""
    wrong = functools.partial(wrong_of, OP)
    inputs = {'q': q, 'k': k, 'v': v, 'beta': beta}
    check_tensors(OP, {**inputs, 'fast_weights': fast_weights})
    check_tensors(OP, {'is_first': is_first, 'out': out}, optional=True)
    if q.dim() != 3 or q.shape[2] < 1:
        raise wrong('q', 'be [B,H,K] with K of at least 1', shape(q))
    if v.dim() != 3 or v.shape[2] < 1:
        raise wrong('v', 'be [B,H,V] with V of at least 1', shape(v))
    batch, heads, key_dim = q.shape
    value_dim = v.shape[2]
    if q.dtype not in (torch.float32, torch.float64, *HALF_DTYPES):
        raise wrong('q', 'be float32, float64, bfloat16 or float16', dtype_name(q.dtype))
    given = {**inputs, 'fast_weights': fast_weights, 'is_first': is_first, 'out': out}
    required = {
        'k': (q.dtype, (batch, heads, key_dim)),
        'v': (q.dtype, (batch, heads, value_dim)),
        'beta': (q.dtype, (batch, heads)),
        'fast_weights': (state_dtype(q), (batch, heads, key_dim, value_dim)),
        'is_first': (torch.bool, (batch,)),
        'out': (q.dtype, (batch, heads, value_dim)),
    }
    for label, (dtype, sizes) in required.items():
        tensor = given[label]
        if tensor is not None and (tensor.shape != sizes or tensor.dtype != dtype):
            required_text = f'be {dtype_name(dtype)} {list(sizes)}'
            raise wrong(label, required_text, f'{dtype_name(tensor.dtype)} {shape(tensor)}')
    check_step_devices(q, k, v, beta, fast_weights, is_first, out)
    for label, tensor, dense in (('fast_weights', fast_weights, 2), ('out', out, 1)):
        if tensor is None:
            continue
        if not is_apart(tensor, dense):
            last = 'its last dimension' if dense == 1 else 'its last two dimensions'
            strides = f'strides {list(tensor.stride())}'
            raise wrong(label, f'have {last} dense and no memory in common with itself', strides)
        for other, value in {**inputs, 'out': out}.items():
            if value is not None and other != label and overlap(tensor, value):
                raise wrong(label, f'share no memory with {other}', 'one that does')
