"""The Triton form of the op: allocates outputs, passes strides, and never reads a device's memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ..triton_launch import blocks, dense_rows, flags, launch, maybe, padded, strides
from .arguments import state_dtype
from .registration import state_shape
from .triton_backward import columns_kernel, rows_kernel
from .triton_config import TILE, WARPS
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
    q, k, v, state = dense_rows(q), dense_rows(k), dense_rows(v), maybe(fast_weights)
    o = v.new_empty(v.shape)
    end = q.new_empty(state_shape(k, v, cu_seqlens), dtype=state_dtype(q))
    saved = end.new_empty(v.shape if save else (0,))
    run_forward(q, k, v, beta, state, flags(is_first), maybe(cu_seqlens), o, end, saved if save else None)
    return o, end, saved


def run_forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    state: Tensor | None,
    first: Tensor | None,
    cu_seqlens: Tensor | None,
    o: Tensor,
    end: Tensor,
    saved: Tensor | None,
) -> None:
    """Launches the forward kernel; `end` [N,H,K,V] may be `state` itself, and any tensor may have any outer strides."""
    time, batch, heads, key = k.shape
    programs, constants = by_columns(key, v.shape[3])
    if len(end) * heads > 0:
        with torch.cuda.device_of(q):
            launch(
                forward_kernel, len(end) * heads * programs, q, k, v, beta, state, first, cu_seqlens, o, end, saved,
                time, batch, heads, *strides(o, 3), *strides(end, 2),
                *strides(q, 3), *strides(k, 3), *strides(v, 3), *strides(beta, 3), *strides(state, 3),
                *strides(first, 2), **constants,
            )  # fmt: skip


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
    # Nothing that one walk leaves for the next is rounded to the dtype of the inputs.
    dwrite = saved.new_empty(v.shape)
    exact_dk = dk if dk.dtype == saved.dtype else saved.new_empty(k.shape)
    chains = state_shape(k, v, cu_seqlens)[0] * heads
    if chains > 0:
        first, cu = flags(is_first), maybe(cu_seqlens)
        of_outputs = (time, batch, heads, *strides(do, 3), *strides(dend, 3))
        of_inputs = (*strides(q, 3), *strides(k, 3), *strides(beta, 3))
        with torch.cuda.device_of(q):
            programs, constants = by_columns(k.shape[3], v.shape[3])
            launch(
                columns_kernel, chains * programs, do, dend, q, k, beta, first, cu, dv, dwrite,
                *of_outputs, *of_inputs, *strides(first, 2), **constants, STEP=step,
            )  # fmt: skip
            programs, constants = by_rows(k.shape[3], v.shape[3])
            launch(
                rows_kernel, chains * programs, do, dend, q, k, beta, state, first, cu, saved.contiguous(), dwrite,
                dq, dk, dbeta, dstate if want else None, exact_dk,
                *of_outputs, *of_inputs, *strides(state, 3), *strides(first, 2), **constants, STEP=step,
            )  # fmt: skip
    return dq, dk, dv, dbeta, dstate


def step_(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor,
    is_first: Tensor | None,
    out: Tensor,
) -> None:
    """One step of the forward kernel, whose last state is its first."""
    q, k, v = (dense_rows(t.unsqueeze(0)) for t in (q, k, v))
    first = None if is_first is None else flags(is_first.unsqueeze(0))
    run_forward(q, k, v, beta.unsqueeze(0), fast_weights, first, None, out.unsqueeze(0), fast_weights, None)


def by_columns(key: int, value: int) -> tuple[int, dict[str, int]]:
    """Returns how many programs share a chain where each has columns, and the constants of their kernel."""
    block, count = blocks(key, value, TILE)
    constants = {'K': key, 'V': value, 'KP': padded(key), 'BLOCK': block, 'BLOCKS': count}
    return count, {**constants, 'num_warps': WARPS}


def by_rows(key: int, value: int) -> tuple[int, dict[str, int]]:
    """Returns the same where each has rows."""
    block, count = blocks(value, key, TILE)
    constants = {'K': key, 'V': value, 'VP': padded(value), 'BLOCK': block, 'BLOCKS': count}
    return count, {**constants, 'num_warps': WARPS}
