"""Inputs and comparisons that the srwm tests share. Everything is drawn in float64 from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from srwm.kernels.srwm.reference import reference


@dataclass(frozen=True, kw_only=True)
class Case:
    """Leaves x, w and (carried) delta, the resets, and a cotangent for each output."""

    x: Tensor
    w: Tensor
    delta: Tensor | None
    is_first: Tensor | None
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


def make_resets(steps: int, batch: int, kind: str, generator: torch.Generator) -> Tensor | None:
    if kind == 'none':
        return None
    is_first = torch.zeros(steps, batch, dtype=torch.bool)
    match kind:
        case 'first':
            is_first[:1] = True
        case 'last':
            is_first[-1:] = True
        case 'all':
            is_first[:] = True
        case 'pair':
            is_first[steps // 2 : steps // 2 + 2] = True
        case 'some':
            is_first[:] = torch.rand(steps, batch, generator=generator) < 0.15
    return is_first


def evaluate(run: Callable, case: Case, dtype: torch.dtype, **options: object) -> dict[str, Tensor]:
    """Returns outputs and gradients of `run` by name; `w_end` is the final fast weights."""
    x, w = leaf(case.x, dtype), leaf(case.w, dtype)
    delta = None if case.delta is None else leaf(case.delta, dtype)
    y, end = run(x, w, delta, case.is_first, **options)
    pairs = [(y, case.dy.to(y.dtype)), (end, case.ddelta.to(end.dtype))]
    leaves = [t for t in (x, w, delta) if t is not None]
    grads = [torch.zeros_like(t) for t in leaves]
    if pairs := [pair for pair in pairs if pair[0].requires_grad]:
        outputs, cotangents = zip(*pairs, strict=True)
        grads = torch.autograd.grad(outputs, leaves, cotangents, materialize_grads=True)
    return {
        'y': y.detach(),
        'w_end': w.detach() + end.detach(),
        **dict(zip(('dx', 'dw', 'ddelta'), grads, strict=False)),
    }


def truth(case: Case, **options: object) -> dict[str, Tensor]:
    """Returns what the plain float64 loop and autograd say."""
    return evaluate(reference, case, torch.float64, **options)


def leaf(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to(dtype, copy=True).requires_grad_()


def error(found: Tensor, expected: Tensor) -> float:
    """Returns the relative root mean square difference; NaN never passes a `<=`."""
    found, expected = found.detach().double(), expected.detach().double()
    difference, size = (found - expected).norm(), expected.norm()
    return float(difference) if size == 0 else float(difference / size)


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    assert found.keys() == expected.keys()
    errors = {name: error(found[name], expected[name]) for name in expected}
    assert all(e <= tolerance for e in errors.values()), f'relative errors {errors} above {tolerance}'
