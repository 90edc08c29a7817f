"""The ops srwm::forward_reference and srwm::backward_reference: the reference as functional torch ops."""

from __future__ import annotations

import torch
from torch import Tensor

from ..second_derivative import second_derivative as second_derivative_of
from ..sequences import part, spans
from . import analytic
from .reference import reference
from .registration import checkpoints


@torch.library.custom_op('srwm::forward_reference', mutates_args=())
def forward_reference(
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
    parts = []
    # Autocast reaches into an op that is written in torch's own ops: it would multiply states in half precision.
    with torch.autocast(x.device.type, enabled=False):
        for steps, batch in spans(cu_seqlens):
            args = (x[steps].to(w.dtype), w, part(fast_weight_delta, batch), part(is_first, steps))
            if save:
                options = {'input_softmax': input_softmax, 'checkpoint_every': checkpoint_every}
                parts.append(analytic.forward(*args, **options))
            else:
                parts.append((*reference(*args, input_softmax=input_softmax), w.new_empty(0)))
    y, delta, saved = zip(*parts, strict=True)
    if save and checkpoint_every and cu_seqlens is not None:
        # How many states were kept depends on the lengths; the shape may not.
        missing = checkpoints(x, cu_seqlens, checkpoint_every) - sum(map(len, saved))
        saved = (*saved, w.new_zeros((missing, *saved[0].shape[1:])))
    # A sequence of no steps hands its delta through, which an op may not do.
    return torch.cat(y).to(x.dtype), torch.cat(delta), torch.cat(saved)


def saved_shape(x: Tensor, y_dim: int, step: bool, states: int) -> tuple[int, ...]:
    """Returns [T,B,H,width], or with checkpoints [states,B,H,D,C]."""
    steps, batch, heads, head_dim = x.shape
    if states:
        return states, batch, heads, head_dim, y_dim + 2 * head_dim + 4
    return steps, batch, heads, 4 * head_dim + y_dim + 8


@torch.library.custom_op('srwm::backward_reference', mutates_args=())
def backward_reference(
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
    parts, kept = [], 0
    options = {
        'input_softmax': input_softmax,
        'bptt': 'step' if step else 'unroll',
        'checkpoint_every': checkpoint_every,
    }
    with torch.autocast(x.device.type, enabled=False):
        for steps, batch in spans(cu_seqlens):
            x_part, dy_part = x[steps].to(w.dtype), None if dy is None else dy[steps].to(w.dtype)
            rows = len(x_part) // checkpoint_every + 1 if checkpoint_every else len(x_part)
            sequence = (x_part, w, part(fast_weight_delta, batch), part(is_first, steps))
            cotangents = (dy_part, part(ddelta_out, batch))
            parts.append(analytic.backward(*cotangents, *sequence, saved[kept : kept + rows], **options))
            kept += rows
    dx, dw, ddelta = zip(*parts, strict=True)
    want = delta_gradient and not step
    return torch.cat(dx).to(x.dtype), torch.cat(dw).sum(0), torch.cat(ddelta) if want else w.new_empty(0)


def second_derivative(
    cotangents_in: tuple[Tensor | None, Tensor | None],
    inputs: tuple[Tensor, Tensor, Tensor | None],
    is_first: Tensor | None,
    cotangents: tuple[Tensor | None, ...],
    *,
    input_softmax: bool,
    bptt: str,
) -> list[Tensor | None]:
    """Returns the gradients of (dy, ddelta_out, x, w, fast_weight_delta), from the plain reference.

    `cotangents_in` are dy and ddelta_out, `inputs` the other three; `cotangents` belong to (dx, dw, ddelta).
    """

    def plain(x: Tensor, w: Tensor, delta: Tensor | None) -> tuple[Tensor, Tensor]:
        y, end = reference(x.to(w.dtype), w, delta, is_first, input_softmax=input_softmax, bptt=bptt)
        return y.to(x.dtype), end

    return second_derivative_of(plain, cotangents_in, inputs, cotangents)
