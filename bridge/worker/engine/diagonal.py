"""The loop of a scan whose carry goes through functions of one element only, with a backward pass of its own.

With such a body every element of a carry depends on the same element of the carry before it and on nothing else of
it: the Jacobian of a step is diagonal. So the loop runs without autograd, and its backward pass needs one
multiplication and addition a step instead of a graph of a node for every call: the diagonals of all steps at once, then

    G[t] = dL/dy[t] + q[t + 1] + J[t + 1] * G[t + 1],    q[t]: what other results of step t pass back to its carry,

then the gradients of everything else the body reads, for all steps at once. Values are those of the plain loop, bit
for bit, but where an affine body is folded: then, as gradients always, they are the same sums in another order.
Discounted returns and sums, leaky and gated elementwise cores are of this kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from srwm.worker.engine.affine import Affine
from srwm.worker.engine.folded import Combine, folded, steps_of
from srwm.worker.messages_gen import GraphSpec

_UNARY = (
    'neg abs sign exp log log1p sqrt rsqrt sin cos tan relu elu gelu silu sigmoid tanh softplus reciprocal exp2 '
    'expm1 erf leaky_relu mish selu celu hardtanh hardswish hardsigmoid log_sigmoid detach clamp'
)
_BINARY = (
    'add sub rsub mul div maximum minimum pow eq ne lt le gt ge where logical_and logical_or logical_not'
)
ELEMENTWISE = frozenset([*_UNARY.split(), *_BINARY.split(), 'masked_fill', '_to_copy'])
"""Names, without `aten.` and overload, of operations whose result has each element from the same one of its inputs."""

_FEWEST = 4
"""Steps from which making J and b first costs less than it saves."""


def is_diagonal(body: GraphSpec, core: Sequence[int]) -> bool:
    """Whether the nodes `core`, with one carry, are functions of one element of it."""
    carry = body.inputs[0]
    if not core or not carry.dtype.startswith(('float', 'bfloat')):
        return False
    nodes = [body.nodes[index] for index in core]
    return all(
        node.op.startswith('aten.')
        and node.op.split('.')[1] in ELEMENTWISE
        and all(list(result.shape) == list(carry.shape) for result in node.results)
        for node in nodes
    )


class DiagonalLoop:
    """`plain` is the loop: (carry, sources) to the last carry, those after each step [T, ...], the stacked values."""

    def __init__(
        self,
        plain: Callable[[Tensor, Sequence[Tensor]], tuple[Tensor, Tensor, list[Tensor]]],
        batched: Callable[..., tuple[Tensor, ...]],
        kinds: Sequence[str],
        sources: Sequence[int],
        affine: Affine | None,
        *,
        length: int,
        reverse: bool,
    ) -> None:
        """`kinds` says of each stacked value whether it is the carry 'before' or 'after' its step, or an 'other' one;
        `sources` are the values that the steps read beside the carry, `affine` is what the body is, if it is that.

        `batched(carries before, *sources)` gives the carries after and the other stacked values, for all steps at once.
        """
        self._plain, self._length, self._reverse = plain, length, reverse
        self._kinds = tuple(kinds)
        self._batched, self._sources, self._affine = batched, sources, affine
        self.folds = affine is not None and affine.is_exact and length >= _FEWEST
        """Whether a step can be one call."""
        self.combine: Combine = torch.addcmul
        """That call. A profile puts a function around it."""

    def __call__(self, carry: Tensor, sources: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The last carry, then the stacked values."""
        return _Loop.apply(self, carry, *sources)

    def run(
        self, carry: Tensor, sources: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor], Sequence[Tensor] | None]:
        """Without autograd: the last carry, those after each step, the stacked values, and J of each step if known."""
        # On a GPU, to ask whether a value is finite is to wait for it.
        if self._affine is None or not self.folds or carry.device.type != 'cpu':
            return *self._plain(carry, sources), None
        after = torch.empty((self._length, *carry.shape), dtype=carry.dtype, device=carry.device)
        factors = steps_of(self._affine.factor(*sources), after)
        offsets = steps_of(self._affine.offset(*sources), after)
        last = folded(carry, after, factors, offsets, self.combine, reverse=self._reverse)
        if last is None:
            return *self._plain(carry, sources), factors
        return last, after, self._stacked(carry, after, sources), factors

    def _stacked(self, carry: Tensor, after: Tensor, sources: Sequence[Tensor]) -> list[Tensor]:
        if set(self._kinds) <= {'after'}:
            return [after] * len(self._kinds)
        before = self._before(carry, after)
        others = iter(self._batched(before, *sources)[1:] if 'other' in self._kinds else ())
        whole = {'before': before, 'after': after}
        return [whole[kind] if kind in whole else next(others) for kind in self._kinds]

    def _before(self, carry: Tensor, after: Tensor) -> Tensor:
        first = carry.unsqueeze(0)
        return torch.cat([after[1:], first] if self._reverse else [first, after[:-1]])

    def gradients(
        self,
        carry: Tensor,
        after: Tensor,
        sources: Sequence[Tensor],
        needs: Sequence[bool],
        given: tuple[Tensor | None, Sequence[Tensor | None]],
        factors: Sequence[Tensor] | None,
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """Of the first carry and of each source, from those of the last carry and of the stacked values.

        `needs` says of each whether it is asked for, `factors` is J of each step if `run` knew it.
        """
        last, stacked = given
        needs_start, *needs = needs
        by_kind = {
            kind: [g for k, g in zip(self._kinds, stacked, strict=True) if k == kind and g is not None]
            for kind in ('before', 'after')
        }
        total = _sum(by_kind['after'], after)
        back = _sum(by_kind['before'], after) if by_kind['before'] else None
        wanted = {v for v, need in zip(self._sources, needs, strict=True) if need}
        if self._affine is not None and 'other' not in self._kinds and self._affine.adds_only(wanted):
            named = dict(zip(self._sources, sources, strict=True))
            if factors is None:
                factors = steps_of(self._affine.factor(*sources), after)
            total, start = self._accumulate(total, factors, back, last, needs_start=needs_start)
            found = self._affine.gradients(total, named, wanted)
            return start, [found.get(value) for value in self._sources]
        before = self._before(carry, after)
        with torch.enable_grad():
            before = before.requires_grad_()
            leaves = [s.detach().requires_grad_(need) for s, need in zip(sources, needs, strict=True)]
            carries, *others = self._batched(before, *leaves)
        other_grads = [g for kind, g in zip(self._kinds, stacked, strict=True) if kind == 'other']
        made = [(o, g) for o, g in zip(others, other_grads, strict=True) if g is not None and o.requires_grad]
        if factors is None:
            diagonal = _gradient([(carries, torch.ones_like(carries))], before)
            factors = None if diagonal is None else diagonal.unbind(0)
        passed = _gradient(made, before)
        if passed is not None:
            back = passed if back is None else back + passed
        total, start = self._accumulate(total, factors, back, last, needs_start=needs_start)
        roots = [(carries, total), *made] if carries.requires_grad else made
        if not wanted or not roots:
            return start, [None] * len(leaves)
        outputs, grads = zip(*roots, strict=True)
        asked = [leaf for leaf, need in zip(leaves, needs, strict=True) if need]
        found = iter(torch.autograd.grad(outputs, asked, grads, allow_unused=True))
        return start, [next(found) if need else None for need in needs]

    def _accumulate(
        self,
        given: Tensor,
        factors: Sequence[Tensor] | None,
        back: Tensor | None,
        last: Tensor | None,
        *,
        needs_start: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """From `given`, what stacked carries pass back: the gradients of all carries, that of the first if asked."""
        order = list(range(len(given)))
        if not self._reverse:
            order.reverse()
        if back is not None:
            given = given.clone(memory_format=torch.contiguous_format)
            given[1:].add_(back[:-1]) if self._reverse else given[:-1].add_(back[1:])
        start = None if back is None else back[order[-1]]
        if last is not None:
            given = given.clone(memory_format=torch.contiguous_format)
            given[order[0]].add_(last)
        if factors is None:
            return given, start
        # Not over `given`, which others may read.
        total = torch.empty(given.shape, dtype=given.dtype, device=given.device)
        rows, sources = total.unbind(0), given.unbind(0)
        rows[order[0]].copy_(sources[order[0]])
        for later, earlier in pairwise(order):
            torch.addcmul(sources[earlier], factors[later], rows[later], out=rows[earlier])
        if not needs_start:
            return total, None
        passed = factors[order[-1]] * rows[order[-1]]
        return total, passed if start is None else passed.add_(start)


def _sum(gradients: list[Tensor], like: Tensor) -> Tensor:
    """Of none: zeros, without memory of their own."""
    if not gradients:
        return like.new_zeros(()).expand(like.shape)
    total, *others = gradients
    for gradient in others:
        total = total + gradient
    return total


def _gradient(roots: list[tuple[Tensor, Tensor]], of: Tensor) -> Tensor | None:
    roots = [(output, gradient) for output, gradient in roots if output.requires_grad]
    if not roots:
        return None
    outputs, gradients = zip(*roots, strict=True)
    return torch.autograd.grad(outputs, of, gradients, retain_graph=True, allow_unused=True)[0]


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loop: DiagonalLoop, carry: Tensor, *sources: Tensor) -> tuple[Tensor, ...]:
        last, after, stacked, factors = loop.run(carry, sources)
        ctx.loop, ctx.factors = loop, factors
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(carry, after, *sources)
        return (last, *stacked)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor | None) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        last, *stacked = given
        carry, after, *sources = ctx.saved_tensors
        needs = ctx.needs_input_grad[1:]
        start, found = ctx.loop.gradients(carry, after, sources, needs, (last, stacked), ctx.factors)
        return (None, start if needs[0] else None, *found)
