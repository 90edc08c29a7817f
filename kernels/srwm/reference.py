"""The self-referential weight matrix, written plainly: right by definition, in any floating dtype.

Every other implementation is tested against this file. Equations: README.md beside it.
Shape letters: T time, B envs or episodes, H heads, D head_dim, Y output_dim, C = Y + 2 D + 4.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class StepOutput(NamedTuple):
    """What one step makes: y [B,H,Y], q and k [B,H,D], beta [B,H,4] and insertion [B,H,C]."""

    y: Tensor
    q: Tensor
    k: Tensor
    beta: Tensor
    insertion: Tensor


def reference(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None = None,
    is_first: Tensor | None = None,
    *,
    input_softmax: bool,
    bptt: str = 'unroll',
) -> tuple[Tensor, Tensor]:
    """Returns y [T,B,H,Y] and the final fast_weight_delta [B,H,D,C] (Irie et al. 2022, equations 5 to 8).

    x [T,B,H,D]; w [H,D,C] with columns (y, q, k, beta); fast_weight_delta [B,H,D,C], None is zero;
    is_first [T,B] bool: before step t the fast weights go back to w. Differentiable any number of times.
    """
    state = initial_delta(x, w, fast_weight_delta)
    if input_softmax:
        x = torch.softmax(x, dim=-1)
    outputs = []
    for t, x_t in enumerate(x.unbind(0)):
        if bptt == 'step':
            state = state.detach()
        if is_first is not None:
            state = torch.where(is_first[t, :, None, None, None], torch.zeros_like(state), state)
        out = step(x_t, w + state)
        state = state + outer(out.k, out.insertion)
        outputs.append(out.y)
    y = torch.stack(outputs) if outputs else x.new_empty((*x.shape[:3], output_dim(w)))
    return y, state.detach() if bptt == 'step' else state


def step(x: Tensor, weights: Tensor) -> StepOutput:
    """Runs one step on weights [B,H,D,C]; the weights after it are weights + outer(k, insertion)."""
    head_dim = x.shape[-1]
    y_dim = output_dim(weights)
    y, q_logits, k_logits, beta_logits = apply(x, weights).split([y_dim, head_dim, head_dim, 4], dim=-1)
    q = torch.softmax(q_logits, dim=-1)
    k = torch.softmax(k_logits, dim=-1)
    beta = torch.sigmoid(beta_logits)
    insertion = column_beta(beta, y_dim, head_dim) * apply(q - k, weights)
    return StepOutput(y=y, q=q, k=k, beta=beta, insertion=insertion)


def apply(rows: Tensor, weights: Tensor) -> Tensor:
    """Returns rows [B,H,D] times weights [B,H,D,C]."""
    return torch.matmul(rows.unsqueeze(-2), weights).squeeze(-2)


def outer(rows: Tensor, columns: Tensor) -> Tensor:
    """Returns rows [...,D] times columns [...,C] as [...,D,C]."""
    return rows.unsqueeze(-1) * columns.unsqueeze(-2)


def column_beta(beta: Tensor, y_dim: int, head_dim: int) -> Tensor:
    """Repeats beta [...,4] over the columns of its part: [...,C] in the order (y, q, k, beta)."""
    sizes = (y_dim, head_dim, head_dim, 4)
    return torch.cat([beta[..., i : i + 1].expand(*beta.shape[:-1], n) for i, n in enumerate(sizes)], dim=-1)


def output_dim(w: Tensor) -> int:
    """Returns Y of weights [...,D,Y+2D+4]."""
    return w.shape[-1] - 2 * w.shape[-2] - 4


def initial_delta(x: Tensor, w: Tensor, fast_weight_delta: Tensor | None) -> Tensor:
    """Returns the carried fast_weight_delta, or zeros [B,H,D,C]."""
    if fast_weight_delta is not None:
        return fast_weight_delta
    return w.new_zeros((x.shape[1], *w.shape))
