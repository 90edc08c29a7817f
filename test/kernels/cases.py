"""What the tests of every op share: a case, its evaluation by any implementation, and the comparison of two.

Everything is drawn in float64 from a fixed seed. An op's own cases lie in srwm_cases.py and delta_rule_cases.py,
the table of ops in ops.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseCase:
    """One call of an op: differentiable inputs by name, the resets, and a cotangent for each output.

    A subclass names its fields: `sequences` [T,B,H,...] and `weights` [H,...] in the order of the op's
    arguments, the carried `state` [B,H,...], and the `cotangents` of both outputs.
    """

    sequences: ClassVar[tuple[str, ...]]
    weights: ClassVar[tuple[str, ...]]
    state: ClassVar[str]
    cotangents: ClassVar[tuple[str, str]]
    reference: ClassVar[Callable]

    is_first: Tensor | None

    def tensors(self) -> dict[str, Tensor]:
        """Returns the differentiable inputs that are there, in the order of the op's arguments."""
        names = (*self.sequences, *self.weights, self.state)
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def replace(self, **changes: Tensor | None) -> Self:
        return dataclasses.replace(self, **changes)

    def carrying(self, state: Tensor | None) -> Self:
        """Returns the case with another initial state."""
        return self.replace(**{self.state: state})

    def steps(self, part: slice) -> Self:
        """Returns the case with only some of its time steps."""
        of_time = (*self.sequences, self.cotangents[0], 'is_first')
        return self.replace(**{name: self.part(name, part) for name in of_time})

    def columns(self, batch: slice | Tensor, heads: slice = slice(None)) -> Self:
        """Returns the case with only some of its batch columns and heads."""
        of_time = {
            name: getattr(self, name)[:, batch, heads] for name in (*self.sequences, self.cotangents[0])
        }
        of_state = {name: self.part(name, (batch, heads)) for name in (self.state, self.cotangents[1])}
        of_heads = {name: getattr(self, name)[heads] for name in self.weights}
        return self.replace(
            **of_time, **of_state, **of_heads, is_first=self.part('is_first', (slice(None), batch))
        )

    def part(self, name: str, index: object) -> Tensor | None:
        value = getattr(self, name)
        return None if value is None else value[index]

    def arguments(self, dtype: torch.dtype | None = None) -> tuple[Tensor | None, ...]:
        """Returns the op's positional arguments, in another dtype if one is given."""
        names = (*self.sequences, *self.weights, self.state)
        values = [getattr(self, name) for name in names]
        return *(v if v is None or dtype is None else v.to(dtype) for v in values), self.is_first


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


def evaluate(run: Callable, case: BaseCase, dtype: torch.dtype, **options: object) -> dict[str, Tensor]:
    """Returns outputs and gradients of `run` by name; `w_end` is the final fast weights, slow ones included."""
    leaves = {name: leaf(value, dtype) for name, value in case.tensors().items()}
    names = (*case.sequences, *case.weights, case.state)
    y, end = run(*(leaves.get(name) for name in names), case.is_first, **options)
    cotangents = (getattr(case, name) for name in case.cotangents)
    pairs = [
        (out, cotangent.to(out.dtype))
        for out, cotangent in zip((y, end), cotangents, strict=True)
        if out.requires_grad
    ]
    grads = [torch.zeros_like(t) for t in leaves.values()]
    if pairs:
        outputs, cotangents = zip(*pairs, strict=True)
        grads = torch.autograd.grad(outputs, list(leaves.values()), cotangents, materialize_grads=True)
    slow = [leaves[name].detach() for name in case.weights]
    return {
        'y': y.detach(),
        'w_end': sum(slow, end.detach()),
        **{f'd{name}': grad for name, grad in zip(leaves, grads, strict=True)},
    }


def truth(case: BaseCase, **options: object) -> dict[str, Tensor]:
    """Returns what the plain float64 loop and autograd say."""
    return evaluate(type(case).reference, case, torch.float64, **options)


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
