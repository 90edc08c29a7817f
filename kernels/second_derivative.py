"""Second derivatives of an op, from its plain reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def second_derivative(
    reference: Callable[..., tuple[Tensor, ...]],
    cotangents_in: Sequence[Tensor | None],
    inputs: Sequence[Tensor | None],
    cotangents: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Returns the gradients of (*cotangents_in, *inputs) of an op's backward pass.

    `reference(*inputs)` gives the op's outputs, `cotangents_in` belong to them; `cotangents` belong to the
    gradients of `inputs`, which the backward pass returns.
    """
    with torch.enable_grad():
        seeds = [None if t is None else leaf(t) for t in cotangents_in]
        values = [None if t is None else leaf(t) for t in inputs]
        outputs = reference(*values)
        first = gradients(outputs, [t for t in values if t is not None], seeds, create_graph=True)
        leaves = [*seeds, *values]
        second = iter(gradients(first, [t for t in leaves if t is not None], cotangents, create_graph=False))
    return [None if t is None else next(second) for t in leaves]


def gradients(
    outputs: Sequence[Tensor | None],
    inputs: list[Tensor],
    cotangents: Sequence[Tensor | None],
    *,
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    """Returns the gradient of every input, None where no output with a cotangent reads it."""
    pairs = [
        (output, cotangent)
        for output, cotangent in zip(outputs, cotangents, strict=False)
        if output is not None and cotangent is not None and output.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    values, seeds = [value for value, _ in pairs], [seed for _, seed in pairs]
    return torch.autograd.grad(values, inputs, seeds, create_graph=create_graph, allow_unused=True)


def leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()
