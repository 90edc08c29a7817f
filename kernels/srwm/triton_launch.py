"""The Triton form of the op: allocates outputs, passes strides, and never reads a device's memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ..triton_launch import (
    blocks,
    dense_rows,
    flags,
    lanes,
    launch,
    maybe,
    padded,
    strides,
    sum_sequences,
)
from .reference import output_dim
from .registration import sequences
from .triton_backward import backward_kernel, backward_step_kernel
from .triton_config import (
    CHUNK,
    MEMORY_TILE,
    acting_warps,
    bptt_step_warps,
    tile_lanes,
    walked_in_memory,
    warps,
    whole,
)
from .triton_forward import forward_kernel
from .triton_memory import memory_columns_kernel, memory_kernel, memory_rows_kernel
from .triton_op import saved_shape
from .triton_step import step_kernel


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
    if chains * heads == 0:
        return y, delta_out, saved
    kept = saved if save else None
    first, cu = flags(is_first), maybe(cu_seqlens)
    places = (
        *x.stride()[:3], *w.stride()[:2], *strides(delta, 3), *strides(is_first, 2)
    )  # fmt: skip
    constants = {**sizes(head_dim, y_dim), 'INPUT_SOFTMAX': input_softmax}
    with_y, count = whole('forward', head_dim, y_dim), warps('forward', head_dim, y_dim, lanes())
    with torch.cuda.device_of(x):
        # Where the columns of y have their own kernel, the first one leaves them q, k and beta of every step.
        log = kept if with_y or (save and not step) else w.new_empty(saved_shape(x, y_dim, False, 0))
        launch(
            forward_kernel, chains * heads, x, w, delta, first, cu, y, delta_out, log, time, batch, heads,
            *places, **constants, STEP=step and with_y, WITH_Y=with_y, num_warps=count,
        )  # fmt: skip
        if not with_y:
            programs, split = by_columns(head_dim, y_dim)
            launch(
                memory_kernel, chains * heads * programs, x, w, delta, first, cu, y, delta_out, log,
                kept if step else None, time, batch, heads, *places, **split, INPUT_SOFTMAX=input_softmax,
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
    if chains * heads == 0:
        return dx, sum_sequences(partial), ddelta
    first, cu, kept = flags(is_first), maybe(cu_seqlens), saved.contiguous()
    constants = {**sizes(head_dim, y_dim), 'INPUT_SOFTMAX': input_softmax}
    of_x, of_first = x.stride()[:3], strides(is_first, 2)
    of_weights = (*w.stride()[:2], *strides(delta, 3))
    with torch.cuda.device_of(x):
        if step:
            launch(
                backward_step_kernel, chains * heads, dy, x, w, delta, first, cu, kept, dx, partial,
                time, batch, heads, *strides(dy, 3), *of_x, *of_weights, *of_first,
                **constants, num_warps=bptt_step_warps(head_dim, y_dim),
            )  # fmt: skip
            return dx, sum_sequences(partial), ddelta
        end, dend = dense_rows(delta_out), maybe(ddelta_out)
        outputs = (partial, ddelta if want else None)
        with_y, count = whole('backward', head_dim, y_dim), warps('backward', head_dim, y_dim, lanes())
        along_rows, along_columns = tile_lanes(head_dim, count, lanes())
        of_outputs = (time, batch, heads, *strides(dy, 3), *strides(dend, 3))
        sums = walk = None
        if not with_y:
            if walked_in_memory(head_dim, lanes()):
                walk = w.new_empty((chains, heads, padded(head_dim), 2 * padded(head_dim) + along_columns))
            v = w.new_empty((batch, heads, time, y_dim))
            sums = w.new_empty((batch, heads, time, 3 * head_dim + 1))
            programs, split = by_columns(head_dim, y_dim)
            launch(
                memory_columns_kernel, chains * heads * programs, dy, dend, x, first, cu, kept, v, *outputs,
                *of_outputs, *of_x, *of_first, **split, INPUT_SOFTMAX=input_softmax,
            )  # fmt: skip
            programs, split = by_rows(head_dim, y_dim)
            launch(
                memory_rows_kernel, chains * heads * programs, dy, dend, x, w, delta, first, cu, kept, v, sums,
                *of_outputs, *of_x, *of_weights, *of_first, **split, INPUT_SOFTMAX=input_softmax,
            )  # fmt: skip
        launch(
            backward_kernel, chains * heads, dy, dend, x, w, delta, end, first, cu, kept, sums, walk, dx, *outputs,
            *of_outputs, *of_x, *of_weights, *end.stride()[:3], *of_first,
            **constants, WITH_Y=with_y, RL=along_rows, CL=along_columns, CHUNK=CHUNK, num_warps=count,
        )  # fmt: skip
        return dx, sum_sequences(partial), ddelta


def step_(
    x: Tensor, w: Tensor, fast_weight_delta: Tensor, is_first: Tensor | None, input_softmax: bool, out: Tensor
) -> None:
    """One step of acting: writes fast_weight_delta, and y into out."""
    batch, heads, head_dim = x.shape
    y_dim = output_dim(w)
    if batch * heads == 0:
        return
    x, w = dense_rows(x), dense_rows(w)
    with torch.cuda.device_of(x):
        launch(
            step_kernel, batch * heads, x, w, fast_weight_delta, flags(is_first), out, heads,
            *x.stride()[:2], *w.stride()[:2], *fast_weight_delta.stride()[:2], *strides(is_first, 1),
            *out.stride()[:2], **sizes(head_dim, y_dim), INPUT_SOFTMAX=input_softmax,
            num_warps=acting_warps(head_dim, y_dim),
        )  # fmt: skip


def sizes(head_dim: int, y_dim: int) -> dict[str, int]:
    return {'D': head_dim, 'Y': y_dim, 'DP': padded(head_dim), 'YP': padded(y_dim)}


def by_columns(head_dim: int, y_dim: int) -> tuple[int, dict[str, int]]:
    """Returns how many programs of triton_memory.py share a chain where each has columns, and their constants."""
    block, count = blocks(head_dim, y_dim, MEMORY_TILE)
    constants = {'D': head_dim, 'Y': y_dim, 'DP': padded(head_dim), 'BLOCK': block, 'BLOCKS': count}
    return count, {**constants, 'num_warps': 1}


def by_rows(head_dim: int, y_dim: int) -> tuple[int, dict[str, int]]:
    """Returns the same where each has rows."""
    block, count = blocks(y_dim, head_dim, MEMORY_TILE)
    return count, {**sizes(head_dim, y_dim), 'BLOCK': block, 'BLOCKS': count, 'num_warps': 1}
