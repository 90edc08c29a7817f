"""The ops srwm::forward_reference and srwm::backward_reference: the reference as functional torch ops."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

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
        for steps, batch in spans(x, cu_seqlens):
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
        for steps, batch in spans(x, cu_seqlens):
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
    with torch.enable_grad():
        x, w = leaf(inputs[0]), leaf(inputs[1])
        delta, dy, ddelta_out = (None if t is None else leaf(t) for t in (inputs[2], *cotangents_in))
        y, end = reference(x.to(w.dtype), w, delta, is_first, input_softmax=input_softmax, bptt=bptt)
        outputs = (y.to(x.dtype), end)
        wanted = [t for t in (x, w, delta) if t is not None]
        first = gradients(outputs, wanted, (dy, ddelta_out), create_graph=True)
        leaves = (dy, ddelta_out, x, w, delta)
        second = iter(gradients(first, [t for t in leaves if t is not None], cotangents, create_graph=False))
    return [None if t is None else next(second) for t in leaves]


def gradients(
    outputs: Sequence[Tensor | None],
    inputs: list[Tensor],
    cotangents: Sequence[Tensor | None],
    *,
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    """Returns the gradient of every input, None where no output with a cotangent reads it."""
    pairs = [
        (output, cotangent)
        for output, cotangent in zip(outputs, cotangents, strict=False)
        if output is not None and cotangent is not None and output.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    values, seeds = [value for value, _ in pairs], [seed for _, seed in pairs]
    return torch.autograd.grad(values, inputs, seeds, create_graph=create_graph, allow_unused=True)


def leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()


def part(tensor: Tensor | None, index: slice) -> Tensor | None:
    return None if tensor is None else tensor[index]


def spans(x: Tensor, cu_seqlens: Tensor | None) -> list[tuple[slice, slice]]:
    """Returns (steps, rows of the state) of every run of the recurrence: one, or one a packed sequence."""
    if cu_seqlens is None:
        return [(slice(None), slice(None))]
    ends = cu_seqlens.tolist()
    return [(slice(a, b), slice(n, n + 1)) for n, (a, b) in enumerate(itertools.pairwise(ends))]
