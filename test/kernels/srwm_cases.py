"""The cases of `srwm`; evaluation and comparison are those of every op."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from cases import BaseCase, assert_close, error, evaluate, make_resets, truth
from torch import Tensor

from srwm.kernels.srwm.reference import reference

__all__ = ['Case', 'assert_close', 'error', 'evaluate', 'make_case', 'truth']


@dataclass(frozen=True, kw_only=True)
class Case(BaseCase):
    """Leaves x, w and (carried) delta, the resets, and a cotangent for each output."""

    sequences: ClassVar = ('x',)
    weights: ClassVar = ('w',)
    state: ClassVar = 'delta'
    cotangents: ClassVar = ('dy', 'ddelta')
    reference: ClassVar = staticmethod(reference)

    x: Tensor
    w: Tensor
    delta: Tensor | None
    dy: Tensor
    ddelta: Tensor


def make_case(
    steps: int,
    batch: int,
    heads: int,
    head_dim: int,
    y_dim: int,
    *,
    carried: bool = True,
    resets: str = 'some',
    scale: float = 1.0,
    beta_mean: float = 0.0,
    seed: int = 0,
) -> Case:
    """Returns a case whose weights have the paper's scale 1/sqrt(D) times `scale`."""
    generator = torch.Generator().manual_seed(seed)
    columns = y_dim + 2 * head_dim + 4

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    w = normal(heads, head_dim, columns) * scale / head_dim**0.5
    w[..., -4:] += beta_mean
    state = (batch, heads, head_dim, columns)
    return Case(
        x=normal(steps, batch, heads, head_dim),
        w=w,
        delta=normal(*state) * 0.3 * scale / head_dim**0.5 if carried else None,
        is_first=make_resets(steps, batch, resets, generator),
        dy=normal(steps, batch, heads, y_dim),
        ddelta=normal(*state),
    )
