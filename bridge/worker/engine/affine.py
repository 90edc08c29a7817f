"""Scan bodies in which the carry is only added to, scaled and selected: carry' = J * carry + b, J and b without it.

Then the diagonal of a step is known without the carry's values, and as small as what it is made of: a reset [T, B, 1]
and a decay make a [T, B, 1]. Discounted returns and sums, leaky integrators and gated traces are affine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from srwm.worker.messages_gen import GraphSpec, NodeSpec

_SUMS = frozenset(
    ['aten.add.Tensor', 'aten.sub.Tensor', 'aten.add.Scalar', 'aten.neg.default', 'aten.rsub.Scalar']
)
_SCALES = frozenset(['aten.mul.Tensor', 'aten.mul.Scalar', 'aten.div.Tensor', 'aten.div.Scalar'])
_WHERE = 'aten.where.self'


class Affine:
    """The nodes `core` of a body, whose carry is value 0, over sources by value; those in `stepped` begin with T."""

    def __init__(
        self, body: GraphSpec, core: Sequence[int], firsts: Sequence[int], stepped: set[int]
    ) -> None:
        self._nodes = [(firsts[index], body.nodes[index]) for index in core]
        self._dependent = {0, *(value for value, _ in self._nodes)}
        self._rank = len(body.inputs[0].shape)
        self._stepped = stepped
        self._after = body.outputs[0].value

    def holds(self) -> bool:
        """Whether the body is of this kind."""
        return self._after in self._dependent and all(self._is_affine(node) for _, node in self._nodes)

    def _is_affine(self, node: NodeSpec) -> bool:
        reads = [value in self._dependent for value in node.inputs]
        if node.op == _WHERE:
            return not reads[0]
        if node.op == 'aten.mul.Tensor':
            return sum(reads) == 1
        return node.op in _SUMS or (node.op in _SCALES and reads[0] and not any(reads[1:]))

    def adds_only(self, wanted: set[int]) -> bool:
        """Whether these sources are only added or selected: their gradients then need no value of the carry."""
        scaling = [node.inputs for _, node in self._nodes if node.op in _SCALES]
        selecting = [node.inputs[:1] for _, node in self._nodes if node.op == _WHERE]
        return not any(wanted.intersection(inputs) for inputs in [*scaling, *selecting])

    def factor(self, carry: Tensor, sources: Mapping[int, Tensor]) -> Tensor:
        """J, of a shape that broadcasts to [T, *carry]."""
        zero = carry.new_zeros(())
        factors: dict[int, Tensor] = {0: carry.new_ones(())}
        for made, node in self._nodes:
            a, *rest = (factors.get(value, zero) for value in node.inputs)
            if node.op == _WHERE:
                condition = self._aligned(node.inputs[0], sources)
                factors[made] = torch.where(condition, *rest)
            elif node.op in _SCALES:
                factors[made] = self._scaled(node, (a, *rest), sources)
            elif node.op == 'aten.sub.Tensor':
                factors[made] = a - rest[0]
            elif node.op in ('aten.neg.default', 'aten.rsub.Scalar'):
                factors[made] = -a
            else:
                factors[made] = a + rest[0] if rest else a
        return factors[self._after].to(carry.dtype)

    def _scaled(self, node: NodeSpec, by_input: Sequence[Tensor], sources: Mapping[int, Tensor]) -> Tensor:
        """The factor, or gradient, of the dependent input times what the node scales it by."""
        at = next(i for i, value in enumerate(node.inputs) if value in self._dependent)
        if len(node.inputs) == 1:
            other = node.attrs['other']
            assert isinstance(other, int | float)
        else:
            other = self._aligned(node.inputs[1 - at], sources)
        return by_input[at] / other if node.op.startswith('aten.div') else by_input[at] * other

    def _aligned(self, value: int, sources: Mapping[int, Tensor]) -> Tensor:
        """A source with its time, if it has any, in front of as many dimensions as the carry has."""
        source = sources[value]
        if value not in self._stepped or source.dim() == 1 + self._rank:
            return source
        return source.reshape(len(source), *[1] * (1 + self._rank - source.dim()), *source.shape[1:])

    def gradients(self, total: Tensor, sources: Mapping[int, Tensor], wanted: set[int]) -> dict[int, Tensor]:
        """Of `wanted`, from those of the carries after each step [T, *carry]. Only where `adds_only`."""
        reached = set(wanted)
        for made, node in self._nodes:
            if reached.intersection(node.inputs):
                reached.add(made)
        back: dict[int, Tensor] = {self._after: total}
        for made, node in reversed(self._nodes):
            gradient = back.pop(made, None)
            if gradient is None:
                continue
            for at, value in enumerate(node.inputs):
                if value in reached:
                    passed = self._passed(node, at, gradient, sources)
                    back[value] = back[value] + passed if value in back else passed
        return {value: self._like(value, back[value], sources) for value in wanted if value in back}

    def _passed(self, node: NodeSpec, at: int, gradient: Tensor, sources: Mapping[int, Tensor]) -> Tensor:
        if node.op == _WHERE:
            condition, zero = self._aligned(node.inputs[0], sources), gradient.new_zeros(())
            return (
                torch.where(condition, gradient, zero) if at == 1 else torch.where(condition, zero, gradient)
            )
        if node.op in _SCALES:
            return self._scaled(node, [gradient] * len(node.inputs), sources)
        is_negated = node.op in ('aten.neg.default', 'aten.rsub.Scalar') or (
            node.op == 'aten.sub.Tensor' and at == 1
        )
        return -gradient if is_negated else gradient

    def _like(self, value: int, gradient: Tensor, sources: Mapping[int, Tensor]) -> Tensor:
        """Summed over whatever the source was broadcast to."""
        shape = self._aligned(value, sources).shape
        return gradient.sum_to_size(shape).reshape(sources[value].shape).to(sources[value].dtype)
