"""Checks the arguments of `delta_rule`."""

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
    check_finite_state,
    check_is_first,
    check_tensors,
    dtype_name,
    shape,
)
from ..checks import wrong as wrong_of

wrong = functools.partial(wrong_of, 'delta_rule')


def check(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    bptt: str,
    checkpoint_every: int | None,
) -> None:
    """Raises KERNEL_ARGUMENT for the first argument of `delta_rule` that does not fit."""
    optional = {'fast_weights': fast_weights, 'is_first': is_first, 'cu_seqlens': cu_seqlens}
    check_tensors('delta_rule', optional, optional=True)
    if q.dim() != 4:
        raise wrong('q', 'be [T,B,H,K]', shape(q))
    steps, batch, heads, key_dim = q.shape
    if key_dim < 1:
        raise wrong('q', 'have a key size of at least 1', shape(q))
    if k.shape != q.shape:
        raise wrong('k', f'be {list(q.shape)} like q', shape(k))
    if v.dim() != 4 or v.shape[:3] != q.shape[:3]:
        raise wrong('v', f'be [{steps},{batch},{heads},V] to fit q {shape(q)}', shape(v))
    value_dim = v.shape[3]
    if value_dim < 1:
        raise wrong('v', 'have a value size of at least 1', shape(v))
    if beta.shape != q.shape[:3]:
        raise wrong('beta', f'be {[steps, batch, heads]}', shape(beta))
    if q.dtype not in (torch.float32, torch.float64, *HALF_DTYPES):
        raise wrong('q', 'be float32, float64, bfloat16 or float16', dtype_name(q.dtype))
    for label, tensor in (('k', k), ('v', v), ('beta', beta)):
        if tensor.dtype != q.dtype:
            raise wrong(label, f"have q's dtype {dtype_name(q.dtype)}", dtype_name(tensor.dtype))
    check_bptt('delta_rule', bptt)
    check_checkpoint_every('delta_rule', checkpoint_every)
    states = batch
    if cu_seqlens is not None:
        states = check_cu_seqlens('delta_rule', 'q', cu_seqlens, steps, batch)
    if fast_weights is not None:
        one = (heads, key_dim, value_dim)
        if fast_weights.shape not in ((states, *one), (1, *one), one):
            required = f'be {[states, *one]}, or {list(one)} for all sequences'
            raise wrong('fast_weights', required, shape(fast_weights))
        if fast_weights.dtype != state_dtype(q):
            raise wrong(
                'fast_weights',
                f'be {dtype_name(state_dtype(q))} beside {dtype_name(q.dtype)} inputs',
                dtype_name(fast_weights.dtype),
            )
    check_is_first('delta_rule', is_first, steps, batch)
    check_devices('delta_rule', 'q', q.device, {'k': k, 'v': v, 'beta': beta, **optional})
    check_finite_state('delta_rule', 'fast_weights', fast_weights, is_first, cu_seqlens)


def state_dtype(q: Tensor) -> torch.dtype:
    """Returns the dtype of fast weights and savings: float64 for float64 inputs, else float32."""
    return torch.float64 if q.dtype == torch.float64 else torch.float32
