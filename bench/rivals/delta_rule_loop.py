"""The delta rule as an expert's loop of eager PyTorch.

Tuned: chains (env x head) are one batch dimension; reading the old value and subtracting it is one `baddbmm`, writing
is another; beta scales keys and values once over all steps instead of once a step.
"""

from __future__ import annotations

import torch
from torch import Tensor


def delta_rule_loop(q: Tensor, k: Tensor, v: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """q, k [T, B, H, K], v [T, B, H, V], beta [T, B, H] to o [T, B, H, V] and the fast weights [B, H, K, V]."""
    time, batch, heads, keys = k.shape
    chains, values = batch * heads, v.shape[-1]
    rate = beta.unsqueeze(-1)
    steps = zip(
        q.view(time, chains, 1, keys).unbind(0),
        k.view(time, chains, keys, 1).unbind(0),
        (rate * k).view(time, chains, 1, keys).unbind(0),
        (rate * v).view(time, chains, 1, values).unbind(0),
        strict=True,
    )
    weights = q.new_zeros(chains, keys, values)
    outputs = []
    for query, key, scaled_key, scaled_value in steps:
        weights = torch.baddbmm(weights, key, torch.baddbmm(scaled_value, scaled_key, weights, alpha=-1))
        outputs.append(torch.bmm(query, weights))
    return torch.stack(outputs).view(v.shape), weights.view(batch, heads, keys, values)
