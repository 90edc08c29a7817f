"""The Triton form of the op: allocates outputs, passes strides, and never reads a device's memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ..triton_launch import dense_rows, flags, launch, maybe, padded, strides, sum_sequences
from .reference import output_dim
from .registration import sequences
from .triton_backward import backward_kernel, backward_step_kernel
from .triton_config import warps
from .triton_forward import forward_kernel
from .triton_op import saved_shape


def forward(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    input_softmax: bool,
    step: bool,
    save: bool,
    checkpoint_every: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns (y, delta, saved); saved is empty unless `save`."""
    time, batch, heads, head_dim = x.shape
    y_dim, chains = output_dim(w), sequences(x, cu_seqlens)
    x, w, delta = dense_rows(x), dense_rows(w), maybe(fast_weight_delta)
    y = x.new_empty((time, batch, heads, y_dim))
    delta_out = w.new_empty((chains, *w.shape))
    saved = w.new_empty(saved_shape(x, y_dim, step, 0) if save else (0,))
    if chains * heads > 0:
        with torch.cuda.device_of(x):
            launch(
                forward_kernel, chains * heads,
                x, w, delta, flags(is_first), maybe(cu_seqlens), y, delta_out, saved if save else None,
                time, batch, heads,
                *x.stride()[:3], *w.stride()[:2], *strides(delta, 3), *strides(is_first, 2),
                **sizes(head_dim, y_dim), INPUT_SOFTMAX=input_softmax, STEP=step,
                num_warps=warps('forward', head_dim, y_dim),
            )  # fmt: skip
    return y, delta_out, saved


def backward(
    dy: Tensor | None,
    ddelta_out: Tensor | None,
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None,
    delta_out: Tensor,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    saved: Tensor,
    input_softmax: bool,
    step: bool,
    delta_gradient: bool,
    checkpoint_every: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns dx, dw and ddelta; the last is empty unless it is asked for and bptt is "unroll"."""
    time, batch, heads, head_dim = x.shape
    y_dim, chains = output_dim(w), sequences(x, cu_seqlens)
    x, w, delta, dy = dense_rows(x), dense_rows(w), maybe(fast_weight_delta), maybe(dy)
    dx = x.new_empty(x.shape)
    partial = w.new_empty((chains, *w.shape))
    want = delta_gradient and not step
    ddelta = w.new_empty(partial.shape if want else (0,))
    inputs = (flags(is_first), maybe(cu_seqlens), saved.contiguous(), dx, partial)
    constants = {**sizes(head_dim, y_dim), 'INPUT_SOFTMAX': input_softmax}
    with torch.cuda.device_of(x):
        if chains * heads > 0 and step:
            launch(
                backward_step_kernel, chains * heads, dy, x, w, delta, *inputs, time, batch, heads,
                *strides(dy, 3), *x.stride()[:3], *w.stride()[:2], *strides(delta, 3), *strides(is_first, 2),
                **constants, num_warps=warps('backward_step', head_dim, y_dim),
            )  # fmt: skip
        elif chains * heads > 0:
            end, dend = dense_rows(delta_out), maybe(ddelta_out)
            launch(
                backward_kernel, chains * heads, dy, dend, x, w, delta, end, *inputs, ddelta if want else None,
                time, batch, heads,
                *strides(dy, 3), *strides(dend, 3), *x.stride()[:3], *w.stride()[:2], *strides(delta, 3),
                *end.stride()[:3], *strides(is_first, 2),
                **constants, num_warps=warps('backward', head_dim, y_dim),
            )  # fmt: skip
        dw = sum_sequences(partial)
    return dx, dw, ddelta


def sizes(head_dim: int, y_dim: int) -> dict[str, int]:
    return {'D': head_dim, 'Y': y_dim, 'DP': padded(head_dim), 'YP': padded(y_dim)}
