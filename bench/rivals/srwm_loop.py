"""The SRWM as an expert's loop of eager PyTorch: matrices packed side by side, one product for all of them.

Tuned: chains (env x head) are one batch dimension, the four matrices are one, both softmaxes are one call, the update
is a single `baddbmm`, the input softmax runs once over all steps, betas are repeated by one `index_select`. One step
for acting keeps the whole weights, writes them in place and prepares nothing again.
"""

from __future__ import annotations

import torch
from torch import Tensor


def srwm_loop(x: Tensor, w: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """x [T, B, H, D], w [H, D, 3 D + 4], delta [B, H, D, 3 D + 4] to y [T, B, H, D] and the final delta."""
    time, batch, heads, dim = x.shape
    chains = batch * heads
    weights = (w + delta).view(chains, dim, -1)
    columns = beta_columns(dim, x.device)
    outputs = []
    for row in torch.softmax(x, -1).view(time, chains, 1, dim).unbind(0):
        y, k, scaled = _parts(row, weights, columns)
        outputs.append(y)
        weights = torch.baddbmm(weights, k, scaled)
    return torch.stack(outputs).view(x.shape), weights.view(delta.shape) - w


def srwm_loop_step(x: Tensor, weights: Tensor, columns: Tensor) -> Tensor:
    """x [chains, 1, D], whole weights [chains, D, 3 D + 4] (written in place) to y [chains, D]: one step of acting."""
    y, k, scaled = _parts(torch.softmax(x, -1), weights, columns)
    weights.baddbmm_(k, scaled)
    return y


def beta_columns(dim: int, device: torch.device) -> Tensor:
    """Which of the four betas each column takes, [3 D + 4]."""
    parts = torch.tensor([dim, dim, dim, 4], device=device)
    return torch.repeat_interleave(torch.arange(4, device=device), parts)


def _parts(row: Tensor, weights: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """y [chains, D], k [chains, D, 1] and the insertion [chains, 1, C] of one step."""
    dim = row.shape[-1]
    y, logits, beta = torch.bmm(row, weights).squeeze(1).split([dim, 2 * dim, 4], -1)
    q, k = torch.softmax(logits.unflatten(-1, (2, dim)), -1).unbind(1)
    change = torch.bmm((q - k).unsqueeze(1), weights)
    return y, k.unsqueeze(2), torch.sigmoid(beta).index_select(1, columns).unsqueeze(1) * change
