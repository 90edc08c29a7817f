"""The delta rule, written plainly: right by definition, in any floating dtype.

Every other implementation is tested against this file. Equations: README.md beside it.
Shape letters: T time, B envs or episodes, H heads, K key size, V value size.
"""

from __future__ import annotations

import torch
from torch import Tensor


def reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None = None,
    is_first: Tensor | None = None,
    *,
    bptt: str = 'unroll',
) -> tuple[Tensor, Tensor]:
    """Returns o [T,B,H,V] and the final fast weights [B,H,K,V] (Schlag et al. 2021, section 4.2).

    q, k [T,B,H,K], already activated; v [T,B,H,V]; beta [T,B,H], after its sigmoid; fast_weights [B,H,K,V], None
    is zero; is_first [T,B] bool: before step t the fast weights go back to zero. o is read after the write of
    its own step. Differentiable any number of times.
    """
    state = initial_state(k, v, fast_weights)
    outputs = []
    for t in range(len(k)):
        if bptt == 'step':
            state = state.detach()
        state = reset(state, is_first, t)
        difference = v[t] - apply(k[t], state)
        state = state + outer(k[t], beta[t].unsqueeze(-1) * difference)
        outputs.append(apply(q[t], state))
    o = torch.stack(outputs) if outputs else v.new_empty(v.shape)
    return o, state.detach() if bptt == 'step' else state


def initial_state(k: Tensor, v: Tensor, fast_weights: Tensor | None) -> Tensor:
    """Returns the carried fast weights, or zeros [B,H,K,V]."""
    if fast_weights is not None:
        return fast_weights
    return k.new_zeros((*k.shape[1:], v.shape[-1]))


def reset(state: Tensor, is_first: Tensor | None, t: int) -> Tensor:
    """Returns state [B,H,K,V] with zeros where is_first[t]."""
    return state if is_first is None else torch.where(is_first[t, :, None, None, None], 0, state)


def apply(rows: Tensor, weights: Tensor) -> Tensor:
    """Returns rows [B,H,K] times weights [B,H,K,V]."""
    return torch.matmul(rows.unsqueeze(-2), weights).squeeze(-2)


def outer(rows: Tensor, columns: Tensor) -> Tensor:
    """Returns rows [...,K] times columns [...,V] as [...,K,V]."""
    return rows.unsqueeze(-1) * columns.unsqueeze(-2)
