"""Checks the arguments of `srwm`."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..checks import (
    HALF_DTYPES,
    check_bptt,
    check_checkpoint_every,
    check_cu_seqlens,
    check_devices,
    check_finite,
    check_finite_state,
    check_is_first,
    check_tensors,
    dtype_name,
    shape,
)
from ..checks import wrong as wrong_of


def check(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    input_softmax: bool,
    bptt: str,
    checkpoint_every: int | None,
) -> None:
    """Raises KERNEL_ARGUMENT for the first argument of `srwm` that does not fit."""
    wrong = functools.partial(wrong_of, 'srwm')
    check_tensors('srwm', {'x': x, 'w': w})
    check_tensors(
        'srwm',
        {'fast_weight_delta': fast_weight_delta, 'is_first': is_first, 'cu_seqlens': cu_seqlens},
        optional=True,
    )
    if x.dim() != 4:
        raise wrong('x', 'be [T,B,H,D]', shape(x))
    check_w('srwm', x, w)
    steps, batch = x.shape[:2]
    if input_softmax is not True and input_softmax is not False:
        raise wrong('input_softmax', 'be a bool', repr(input_softmax))
    check_bptt('srwm', bptt)
    check_checkpoint_every('srwm', checkpoint_every)
    states = batch if cu_seqlens is None else check_cu_seqlens('srwm', 'x', cu_seqlens, steps, batch)
    if fast_weight_delta is not None:
        one = tuple(w.shape)
        if fast_weight_delta.shape not in ((states, *one), (1, *one), one):
            required = f'be {[states, *one]}, or {list(one)} for all sequences'
            raise wrong('fast_weight_delta', required, shape(fast_weight_delta))
        check_state_dtype('srwm', fast_weight_delta, w)
    check_is_first('srwm', is_first, steps, batch)
    others = {'w': w, 'fast_weight_delta': fast_weight_delta, 'is_first': is_first, 'cu_seqlens': cu_seqlens}
    check_devices('srwm', 'x', x.device, others)
    check_finite('srwm', 'w', w)
    check_finite_state('srwm', 'fast_weight_delta', fast_weight_delta, is_first, cu_seqlens)


def check_w(op: str, x: Tensor, w: Tensor) -> None:
    """Checks w [H,D,C] against the last two dimensions of x [...,H,D], and both dtypes."""
    heads, head_dim = x.shape[-2:]
    if w.dim() != 3:
        raise wrong_of(op, 'w', 'be [H,D,Y+2D+4]', shape(w))
    if head_dim < 1:
        raise wrong_of(op, 'x', 'have head_dim of at least 1', shape(x))
    if w.shape[0] != heads or w.shape[1] != head_dim:
        required = f'be [{heads},{head_dim},Y+{2 * head_dim + 4}] to fit x {shape(x)}'
        raise wrong_of(op, 'w', required, shape(w))
    if w.shape[2] < 2 * head_dim + 5:
        raise wrong_of(op, 'w', f'have at least {2 * head_dim + 5} columns (y, q, k, beta)', shape(w))
    if w.dtype not in (torch.float32, torch.float64):
        raise wrong_of(op, 'w', 'be float32 or float64', dtype_name(w.dtype))
    if x.dtype != w.dtype and (x.dtype not in HALF_DTYPES or w.dtype != torch.float32):
        required = f"have w's dtype {dtype_name(w.dtype)}, or be bfloat16 or float16 beside float32"
        raise wrong_of(op, 'x', required, dtype_name(x.dtype))


def check_state_dtype(op: str, fast_weight_delta: Tensor, w: Tensor) -> None:
    if fast_weight_delta.dtype != w.dtype:
        required = f"have w's dtype {dtype_name(w.dtype)}"
        raise wrong_of(op, 'fast_weight_delta', required, dtype_name(fast_weight_delta.dtype))
