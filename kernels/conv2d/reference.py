"""The truth: a sum over the taps of the window, in whatever floating dtype it is given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def conv2d_reference(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    residual: Tensor | None = None,
    relu_input: bool = False,
) -> Tensor:
    """Returns y [N,K,H,W] of x [N,C,H,W] and weight [K,C,3,3]: stride 1, one row and column of zeros around x.

    y[n,k,i,j] = bias[k] + residual[n,k,i,j] + sum over c, a, b of weight[k,c,a,b] x[n,c,i+a-1,j+b-1], where x is
    relu(x) with `relu_input`. Differentiable any number of times.
    """
    height, width = x.shape[2:]
    padded = F.pad(x.clamp(min=0) if relu_input else x, (1, 1, 1, 1))
    y = x.new_zeros((x.shape[0], weight.shape[0], height, width))
    for a in range(3):
        for b in range(3):
            window = padded[:, :, a : a + height, b : b + width]
            y = y + torch.einsum('nchw,kc->nkhw', window, weight[:, :, a, b])
    if bias is not None:
        y = y + bias[:, None, None]
    return y if residual is None else y + residual
