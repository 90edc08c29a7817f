"""What torch must know of each implementation's two ops: fake outputs (graphs, compile) and autograd.

Both implementations share schemas:
forward_<implementation>(x, w, fast_weight_delta, is_first, cu_seqlens, input_softmax, step, save,
                         checkpoint_every) -> (y, delta, saved)
backward_<implementation>(dy, ddelta_out, x, w, fast_weight_delta, delta_out, is_first, cu_seqlens, saved,
                          input_softmax, step, delta_gradient, checkpoint_every) -> (dx, dw, ddelta)
y, dy and dx have x's dtype; every other tensor of numbers has w's. checkpoint_every is 0 where it is off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import KernelError
from ..sequences import sequences
from .reference import output_dim

# One gradient for each input of an op.
Gradients = tuple[Tensor | None, ...]


# saved_shape(x, Y, step, checkpoints) of an implementation; checkpoints is 0 where they are off.
SavedShape = Callable[[Tensor, int, bool, int], tuple[int, ...]]


def register_fakes(implementation: str, saved_shape: SavedShape) -> None:
    """Gives both ops their output shapes; what is saved has the implementation's own."""

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
        y = x.new_empty((*x.shape[:3], output_dim(w)))
        end = w.new_empty((sequences(x, cu_seqlens), *w.shape))
        kept = checkpoints(x, cu_seqlens, checkpoint_every)
        return y, end, w.new_empty(saved_shape(x, output_dim(w), step, kept) if save else (0,))

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
        ddelta = w.new_empty(delta_out.shape if delta_gradient and not step else (0,))
        return x.new_empty(x.shape), w.new_empty(w.shape), ddelta

    torch.library.register_fake(f'srwm::forward_{implementation}', forward)
    torch.library.register_fake(f'srwm::backward_{implementation}', backward)


def checkpoints(x: Tensor, cu_seqlens: Tensor | None, every: int) -> int:
    """Returns how many states are kept: enough for every sequence, whatever the packed lengths are."""
    return x.shape[0] // every + (1 if cu_seqlens is None else sequences(x, cu_seqlens)) if every else 0


def register_autograd(
    implementation: str, second_derivative: Callable[..., list[Tensor | None]] | None
) -> None:
    """Makes the forward op differentiable, and the backward op where there is a `second_derivative`."""
    run = getattr(torch.ops.srwm, f'backward_{implementation}').default

    def backward(ctx: Any, dy: Tensor | None, ddelta_out: Tensor | None, _: None) -> Gradients:
        x, w, delta, delta_out, is_first, cu_seqlens, saved = ctx.saved_tensors
        if not ctx.save:
            raise KernelError(
                'KERNEL_ARGUMENT', 'srwm: a backward pass needs save=True in the forward op, got False.'
            )
        if dy is None and ddelta_out is None:
            return (None,) * 9
        want = ctx.needs_input_grad[2]
        inputs = (x, w, delta, delta_out, is_first, cu_seqlens, saved)
        dx, dw, ddelta = run(dy, ddelta_out, *inputs, ctx.input_softmax, ctx.step, want, ctx.checkpoint_every)
        return dx, dw, ddelta if want and not ctx.step else None, *(None,) * 6

    def backward_twice(ctx: Any, *cotangents: Tensor | None) -> Gradients:
        dy, ddelta_out, x, w, delta, is_first, cu_seqlens = ctx.saved_tensors
        if second_derivative is None or cu_seqlens is not None:
            raise KernelError(
                'KERNEL_UNSUPPORTED',
                f'srwm: second derivatives exist only for implementation "reference" without cu_seqlens, '
                f'got "{implementation}"{"" if cu_seqlens is None else " with cu_seqlens"}.',
                'Pass implementation="reference".',
            )
        bptt = 'step' if ctx.step else 'unroll'
        found = second_derivative(
            (dy, ddelta_out),
            (x, w, delta),
            is_first,
            cotangents,
            input_softmax=ctx.input_softmax,
            bptt=bptt,
        )
        return *found, *(None,) * 8

    torch.library.register_autograd(f'srwm::forward_{implementation}', backward, setup_context=setup_forward)
    torch.library.register_autograd(
        f'srwm::backward_{implementation}', backward_twice, setup_context=setup_backward
    )


def setup_forward(ctx: Any, inputs: Any, output: Any) -> None:
    x, w, delta, is_first, cu_seqlens, ctx.input_softmax, ctx.step, ctx.save, ctx.checkpoint_every = inputs
    _, delta_out, saved = output
    # An unused output then arrives as None, not as a tensor of zeros to be read.
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*((delta_out, saved) if ctx.step else (saved,)))
    ctx.save_for_backward(x, w, delta, delta_out, is_first, cu_seqlens, saved)


def setup_backward(ctx: Any, inputs: Any, output: Any) -> None:
    dy, ddelta_out, x, w, delta, _, is_first, cu_seqlens, _, ctx.input_softmax, ctx.step, _, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(dy, ddelta_out, x, w, delta, is_first, cu_seqlens)
