"""The SRWM as the published Python loop computes it: four matrices, each read three times and updated once a step.

The operations and their order are the published ones; tuned are only the call (`bmm` and `baddbmm` over chains in one
batch dimension, where that code reshapes and repeats) and the input softmax, once over all steps.
"""

from __future__ import annotations

import torch
from torch import Tensor


def srwm_op_for_op(x: Tensor, w: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """x [T, B, H, D], w [H, D, 3 D + 4], delta [B, H, D, 3 D + 4] to y [T, B, H, D] and the final delta."""
    time, batch, heads, dim = x.shape
    matrices = list((w + delta).view(batch * heads, dim, -1).split([dim, dim, dim, 4], -1))
    outputs = []
    for row in torch.softmax(x, -1).view(time, batch * heads, 1, dim).unbind(0):
        y, q, k, beta = (torch.bmm(row, matrix) for matrix in matrices)
        outputs.append(y)
        q, k = torch.softmax(q, -1), torch.softmax(k, -1)
        rates = torch.sigmoid(beta).split(1, -1)
        column = k.transpose(1, 2)
        matrices = [
            torch.baddbmm(matrix, column, rate * (torch.bmm(q, matrix) - torch.bmm(k, matrix)))
            for matrix, rate in zip(matrices, rates, strict=True)
        ]
    return torch.stack(outputs).view(x.shape), torch.cat(matrices, -1).view(delta.shape) - w
