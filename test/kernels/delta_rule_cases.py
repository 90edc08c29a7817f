"""The cases of `delta_rule`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from cases import BaseCase, make_resets
from torch import Tensor

from srwm.kernels.delta_rule.reference import reference


@dataclass(frozen=True, kw_only=True)
class Case(BaseCase):
    """Leaves q, k, v, beta and (carried) fast_weights, the resets, and a cotangent for each output."""

    sequences: ClassVar = ('q', 'k', 'v', 'beta')
    weights: ClassVar = ()
    state: ClassVar = 'fast_weights'
    cotangents: ClassVar = ('do', 'dend')
    reference: ClassVar = staticmethod(reference)

    q: Tensor
    k: Tensor
    v: Tensor
    beta: Tensor
    fast_weights: Tensor | None
    do: Tensor
    dend: Tensor


def make_case(
    steps: int,
    batch: int,
    heads: int,
    key_dim: int,
    value_dim: int,
    *,
    carried: bool = True,
    resets: str = 'some',
    activation: str = 'softmax',
    scale: float = 1.0,
    beta_mean: float = 0.0,
    seed: int = 0,
) -> Case:
    """Returns a case with activated queries and keys; `scale` multiplies what goes into the activation.

    "softmax" is the paper's kind (positive, sum 1), "unit" has length 1, "raw" is none: the state then grows.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def activate(x: Tensor) -> Tensor:
        match activation:
            case 'softmax':
                return torch.softmax(scale * x, dim=-1)
            case 'unit':
                return x / x.norm(dim=-1, keepdim=True)
        return scale * x

    state = (batch, heads, key_dim, value_dim)
    return Case(
        q=activate(normal(steps, batch, heads, key_dim)),
        k=activate(normal(steps, batch, heads, key_dim)),
        v=normal(steps, batch, heads, value_dim),
        beta=torch.sigmoid(normal(steps, batch, heads) + beta_mean),
        fast_weights=normal(*state) if carried else None,
        is_first=make_resets(steps, batch, resets, generator),
        do=normal(steps, batch, heads, value_dim),
        dend=normal(*state),
    )
