"""The SRWM as an expert's loop of eager PyTorch: matrices packed side by side, one product for all of them.

Tuned: chains (env x head) are one batch dimension, the four matrices are one, the update is a single `baddbmm`, the
input softmax runs once over all steps, betas are repeated by one `index_select`. The published loop keeps four
separate matrices and needs three times as many calls.
"""

from __future__ import annotations

import torch
from torch import Tensor


def srwm_loop(x: Tensor, w: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """x [T, B, H, D], w [H, D, 3 D + 4], delta [B, H, D, 3 D + 4] to y [T, B, H, D] and the final delta."""
    time, batch, heads, dim = x.shape
    chains = batch * heads
    weights = (w + delta).view(chains, dim, -1)
    columns = torch.repeat_interleave(
        torch.arange(4, device=x.device), torch.tensor([dim, dim, dim, 4], device=x.device)
    )
    outputs = []
    for row in torch.softmax(x, -1).view(time, chains, 1, dim).unbind(0):
        y, q, k, beta = torch.bmm(row, weights).squeeze(1).split([dim, dim, dim, 4], -1)
        outputs.append(y)
        q, k = torch.softmax(q, -1), torch.softmax(k, -1)
        change = torch.bmm((q - k).unsqueeze(1), weights)
        scaled = torch.sigmoid(beta).index_select(1, columns).unsqueeze(1) * change
        weights = torch.baddbmm(weights, k.unsqueeze(2), scaled)
    return torch.stack(outputs).view(x.shape), weights.view(delta.shape) - w
