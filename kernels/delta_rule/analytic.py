"""The analytic backward pass in plain torch: what the reference implementation's op runs, on any device.

Same equations as the compiled kernels (README.md, "Backward"). Only the difference v - k W of each step is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .reference import apply, initial_state, outer, reset


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None,
    is_first: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns o [T,B,H,V], the final fast weights [B,H,K,V] and every difference [T,B,H,V]."""
    state = initial_state(k, v, fast_weights)
    o, differences = v.new_empty(v.shape), v.new_empty(v.shape)
    for t in range(len(k)):
        state = reset(state, is_first, t)
        differences[t] = v[t] - apply(k[t], state)
        state = state + outer(k[t], beta[t].unsqueeze(-1) * differences[t])
        o[t] = apply(q[t], state)
    return o, state, differences


def backward(
    do: Tensor | None,
    dstate: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None,
    is_first: Tensor | None,
    differences: Tensor,
    *,
    bptt: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Returns dq, dk, dv, dbeta and the gradient [B,H,K,V] of the initial fast weights."""
    if do is None:
        do = torch.zeros_like(v)
    writes = beta.unsqueeze(-1) * differences
    dq, dk, dv, dbeta = (torch.empty_like(t) for t in (q, k, v, beta))
    grad = initial_state(k, v, None) if dstate is None else dstate
    for t in reversed(range(len(k))):
        grad = grad + outer(q[t], do[t])
        dwrite = apply(k[t], grad)
        dk[t] = rows(grad, writes[t])
        dbeta[t] = (dwrite * differences[t]).sum(-1)
        dv[t] = beta[t].unsqueeze(-1) * dwrite
        grad = reset(grad - outer(k[t], dv[t]), is_first, t)
        if bptt == 'step':
            grad = torch.zeros_like(grad)
    # The weights come in a second walk, forwards: rebuilt by the very additions of the forward pass, they are exact.
    state = initial_state(k, v, fast_weights)
    for t in range(len(k)):
        state = reset(state, is_first, t)
        dk[t] -= rows(state, dv[t])
        state = state + outer(k[t], writes[t])
        dq[t] = rows(state, do[t])
    return dq, dk, dv, dbeta, grad


def rows(weights: Tensor, columns: Tensor) -> Tensor:
    """Returns weights [B,H,K,V] times columns [B,H,V]."""
    return torch.matmul(weights, columns.unsqueeze(-1)).squeeze(-1)
