"""The Triton form of the op: allocates outputs, passes strides, and never reads a device's memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ..triton_launch import dense_rows, flags, launch, maybe, padded, strides
from .arguments import state_dtype
from .registration import state_shape
from .triton_backward import backward_kernel
from .triton_config import warps
from .triton_forward import forward_kernel


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    step: bool,
    save: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns (o, end, saved); saved is empty unless `save`."""
    time, batch, heads, _ = k.shape
    q, k, v, state = dense_rows(q), dense_rows(k), dense_rows(v), maybe(fast_weights)
    o = v.new_empty(v.shape)
    end = q.new_empty(state_shape(k, v, cu_seqlens), dtype=state_dtype(q))
    saved = end.new_empty(v.shape if save else (0,))
    chains = len(end) * heads
    if chains > 0:
        with torch.cuda.device_of(q):
            launch(
                forward_kernel, chains, q, k, v, beta, state, flags(is_first), maybe(cu_seqlens), o, end,
                saved if save else None, time, batch, heads,
                *strides(q, 3), *strides(k, 3), *strides(v, 3), *strides(beta, 3), *strides(state, 3),
                *strides(is_first, 2), **sizes(k, v),
            )  # fmt: skip
    return o, end, saved


def backward(
    do: Tensor | None,
    dend: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    saved: Tensor,
    step: bool,
    state_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Returns dq, dk, dv, dbeta and the gradient of fast_weights, empty unless asked for and bptt is "unroll"."""
    time, batch, heads, _ = k.shape
    q, k, state = dense_rows(q), dense_rows(k), maybe(fast_weights)
    do, dend = maybe(do), maybe(dend)
    dq, dk, dv, dbeta = (t.new_empty(t.shape) for t in (q, k, v, beta))
    want = state_gradient and not step
    dstate = saved.new_empty(state_shape(k, v, cu_seqlens) if want else (0,))
    # Between the walks nothing is rounded to the dtype of the inputs.
    same = dk.dtype == saved.dtype
    exact_dk = dk if same else saved.new_empty(k.shape)
    exact_dv = dv if same else saved.new_empty(v.shape)
    chains = state_shape(k, v, cu_seqlens)[0] * heads
    if chains > 0:
        with torch.cuda.device_of(q):
            launch(
                backward_kernel, chains, do, dend, q, k, v, beta, state, flags(is_first), maybe(cu_seqlens),
                saved.contiguous(), dq, dk, dv, dbeta, dstate if want else None, exact_dk, exact_dv,
                time, batch, heads, *strides(do, 3), *strides(dend, 3), *strides(q, 3), *strides(k, 3),
                *strides(beta, 3), *strides(state, 3), *strides(is_first, 2), **sizes(k, v), STEP=step,
            )  # fmt: skip
    return dq, dk, dv, dbeta, dstate


def sizes(k: Tensor, v: Tensor) -> dict[str, int]:
    """Returns the constants that sizes give a kernel, num_warps among them."""
    key, value = k.shape[3], v.shape[3]
    constants = {'K': key, 'V': value, 'KP': padded(key), 'VP': padded(value)}
    return {**constants, 'num_warps': warps(key, value)}
