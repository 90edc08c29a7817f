"""What torch must know of each implementation's two ops: fake outputs (graphs, compile) and autograd.

All implementations share schemas. q, k, v, beta have one dtype, which o and their gradients get back; states and
savings are float64 beside float64 inputs, else float32.
forward_<implementation>(q, k, v, beta, fast_weights?, is_first?, cu_seqlens?, step, save) -> (o, end, saved)
backward_<implementation>(do?, dend?, q, k, v, beta, fast_weights?, is_first?, cu_seqlens?, saved, step,
                          state_gradient) -> (dq, dk, dv, dbeta, dfast_weights)
`saved` is empty unless `save`; dfast_weights is empty unless `state_gradient` and not `step`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import KernelError
from ..second_derivative import second_derivative
from ..sequences import sequences
from .arguments import state_dtype
from .reference import reference

# One gradient for each input of an op.
Gradients = tuple[Tensor | None, ...]


def register_fakes(implementation: str, saved_shape: Callable[[Tensor, Tensor], tuple[int, ...]]) -> None:
    """Gives both ops their output shapes; `saved_shape(k, v)` is the implementation's own."""

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
        saved = saved_shape(k, v) if save else (0,)
        state = q.new_empty(state_shape(k, v, cu_seqlens), dtype=state_dtype(q))
        return v.new_empty(v.shape), state, q.new_empty(saved, dtype=state_dtype(q))

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
        dstate = state_shape(k, v, cu_seqlens) if state_gradient and not step else (0,)
        d = [t.new_empty(t.shape) for t in (q, k, v, beta)]
        return d[0], d[1], d[2], d[3], q.new_empty(dstate, dtype=state_dtype(q))

    torch.library.register_fake(f'delta_rule::forward_{implementation}', forward)
    torch.library.register_fake(f'delta_rule::backward_{implementation}', backward)


def state_shape(k: Tensor, v: Tensor, cu_seqlens: Tensor | None) -> tuple[int, ...]:
    """Returns [N,H,K,V]."""
    return sequences(k, cu_seqlens), *k.shape[2:], v.shape[3]


def register_autograd(implementation: str, *, twice: bool) -> None:
    """Makes the forward op differentiable, and with `twice` the backward op, through the plain reference."""
    run = getattr(torch.ops.delta_rule, f'backward_{implementation}').default

    def backward(ctx: Any, do: Tensor | None, dend: Tensor | None, _: None) -> Gradients:
        q, k, v, beta, fast_weights, is_first, cu_seqlens, saved = ctx.saved_tensors
        if not ctx.save:
            raise KernelError(
                'KERNEL_ARGUMENT', 'delta_rule: a backward pass needs save=True in the forward op, got False.'
            )
        if do is None and dend is None:
            return (None,) * 9
        want = ctx.needs_input_grad[4]
        inputs = (q, k, v, beta, fast_weights, is_first, cu_seqlens, saved)
        *found, dstate = run(do, dend, *inputs, ctx.step, want)
        return *found, dstate if want and not ctx.step else None, None, None, None, None

    def backward_twice(ctx: Any, *cotangents: Tensor | None) -> Gradients:
        do, dend, q, k, v, beta, fast_weights, is_first, cu_seqlens = ctx.saved_tensors
        if not twice or cu_seqlens is not None:
            raise KernelError(
                'KERNEL_UNSUPPORTED',
                f'delta_rule: second derivatives exist only for implementation "reference" without cu_seqlens, '
                f'got "{implementation}"{"" if cu_seqlens is None else " with cu_seqlens"}.',
                'Pass implementation="reference".',
            )
        bptt = 'step' if ctx.step else 'unroll'

        def plain(
            q: Tensor, k: Tensor, v: Tensor, beta: Tensor, state: Tensor | None
        ) -> tuple[Tensor, Tensor]:
            q_part, k_part, v_part, beta_part = (t.to(state_dtype(q)) for t in (q, k, v, beta))
            o, end = reference(q_part, k_part, v_part, beta_part, state, is_first, bptt=bptt)
            return o.to(q.dtype), end

        found = second_derivative(plain, (do, dend), (q, k, v, beta, fast_weights), cotangents)
        return *found, *(None,) * 5

    torch.library.register_autograd(
        f'delta_rule::forward_{implementation}', backward, setup_context=setup_forward
    )
    torch.library.register_autograd(
        f'delta_rule::backward_{implementation}', backward_twice, setup_context=setup_backward
    )


def setup_forward(ctx: Any, inputs: Any, output: Any) -> None:
    *tensors, ctx.step, ctx.save = inputs
    _, end, saved = output
    # An unused output then arrives as None, not as a tensor of zeros to be read.
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*((end, saved) if ctx.step else (saved,)))
    ctx.save_for_backward(*tensors, saved)


def setup_backward(ctx: Any, inputs: Any, output: Any) -> None:
    *tensors, _, ctx.step, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)
