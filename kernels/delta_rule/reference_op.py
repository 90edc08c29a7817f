"""The ops delta_rule::forward_reference and delta_rule::backward_reference: the reference as functional torch ops."""

from __future__ import annotations

import torch
from torch import Tensor

from ..sequences import part, spans
from . import analytic
from .arguments import state_dtype
from .reference import reference


@torch.library.custom_op('delta_rule::forward_reference', mutates_args=())
def forward_reference(
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
    inputs = [t.to(state_dtype(q)) for t in (q, k, v, beta)]
    parts = []
    # Autocast reaches into an op that is written in torch's own ops: it would multiply states in half precision.
    with torch.autocast(q.device.type, enabled=False):
        for steps, batch in spans(cu_seqlens):
            q_part, k_part, v_part, beta_part = (t[steps] for t in inputs)
            args = (q_part, k_part, v_part, beta_part, part(fast_weights, batch), part(is_first, steps))
            if save:
                parts.append(analytic.forward(*args))
            else:
                parts.append((*reference(*args), v_part.new_empty(0)))
    o, end, saved = zip(*parts, strict=True)
    # A sequence of no steps hands its state through, which an op may not do.
    return torch.cat(o).to(q.dtype), torch.cat(end), torch.cat(saved)


@torch.library.custom_op('delta_rule::backward_reference', mutates_args=())
def backward_reference(
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
    """Returns dq, dk, dv, dbeta and dfast_weights; the last is empty unless it is asked for and bptt is "unroll"."""
    inputs = [t.to(state_dtype(q)) for t in (q, k, v, beta)]
    do = None if do is None else do.to(state_dtype(q))
    parts = []
    bptt = 'step' if step else 'unroll'
    with torch.autocast(q.device.type, enabled=False):
        for steps, batch in spans(cu_seqlens):
            q_part, k_part, v_part, beta_part = (t[steps] for t in inputs)
            sequence = (q_part, k_part, v_part, beta_part, part(fast_weights, batch), part(is_first, steps))
            cotangents = (part(do, steps), part(dend, batch))
            parts.append(analytic.backward(*cotangents, *sequence, saved[steps], bptt=bptt))
    dq, dk, dv, dbeta, dstate = (torch.cat(d) for d in zip(*parts, strict=True))
    if step or not state_gradient:
        dstate = inputs[0].new_empty(0)
    return dq.to(q.dtype), dk.to(q.dtype), dv.to(q.dtype), dbeta.to(q.dtype), dstate
