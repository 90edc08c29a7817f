"""Scan bodies in which the carry is only added to, scaled and selected: carry' = J * carry + b, J and b without it.

Then the diagonal of a step is known without the carry's values, and as small as what it is made of: a reset [T, B, 1]
and a decay make a [T, B, 1]. Discounted returns and sums, leaky integrators and gated traces are affine.

With b the whole loop is one `addcmul` a step (`folded.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from srwm.worker.engine.affine_terms import SCALES, SUMS, WHERE, Terms
from srwm.worker.messages_gen import GraphSpec, NodeSpec


class Affine:
    """The nodes `core` of a body, whose carry is value 0, over sources by value; those in `stepped` begin with T."""

    def __init__(
        self,
        body: GraphSpec,
        core: Sequence[int],
        firsts: Sequence[int],
        sources: Sequence[int],
        stepped: set[int],
        device: torch.device,
    ) -> None:
        self._nodes = [(firsts[index], body.nodes[index]) for index in core]
        self._dependent = {0, *(value for value, _ in self._nodes)}
        self._rank = len(body.inputs[0].shape)
        self._stepped = stepped
        self._after = body.outputs[0].value
        scaling = [node.inputs for _, node in self._nodes if node.op in SCALES]
        selecting = [node.inputs[:1] for _, node in self._nodes if node.op == WHERE]
        self._others = {value for inputs in [*scaling, *selecting] for value in inputs}
        dtype = body.inputs[0].dtype
        self.is_exact = dtype in ('float32', 'float64') and all(
            result.dtype == dtype for _, node in self._nodes for result in node.results
        )
        """Whether J and b have the digits of every value that they stand for."""
        if self.holds():

            def terms() -> Terms:
                return Terms(body, self._nodes, firsts, sources, stepped, device)

            self.factor = terms().factor().forward
            """(*sources) to J, of a shape that broadcasts to [T, *carry]."""
            self.offset = terms().offset().forward
            """(*sources) to b, of such a shape; it may be a source itself."""

    def holds(self) -> bool:
        """Whether the body is of this kind."""
        return self._after in self._dependent and all(self._is_affine(node) for _, node in self._nodes)

    def _is_affine(self, node: NodeSpec) -> bool:
        reads = [value in self._dependent for value in node.inputs]
        if node.op == WHERE:
            return not reads[0]
        if node.op == 'aten.mul.Tensor':
            return sum(reads) == 1
        return node.op in SUMS or (node.op in SCALES and reads[0] and not any(reads[1:]))

    def adds_only(self, wanted: set[int]) -> bool:
        """Whether these sources are only added or selected: their gradients then need no value of the carry."""
        return not wanted & self._others

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
        if node.op == WHERE:
            condition, zero = self._aligned(node.inputs[0], sources), gradient.new_zeros(())
            return (
                torch.where(condition, gradient, zero) if at == 1 else torch.where(condition, zero, gradient)
            )
        if node.op in SCALES:
            other = (
                self._aligned(node.inputs[1 - at], sources) if len(node.inputs) == 2 else node.attrs['other']
            )
            assert isinstance(other, int | float | Tensor)
            return gradient / other if node.op.startswith('aten.div') else gradient * other
        is_negated = node.op in ('aten.neg.default', 'aten.rsub.Scalar') or (
            node.op == 'aten.sub.Tensor' and at == 1
        )
        return -gradient if is_negated else gradient

    def _like(self, value: int, gradient: Tensor, sources: Mapping[int, Tensor]) -> Tensor:
        """Summed over whatever the source was broadcast to."""
        source = sources[value]
        if gradient.shape == source.shape and gradient.dtype == source.dtype:
            return gradient
        shape = self._aligned(value, sources).shape
        return gradient.sum_to_size(shape).reshape(source.shape).to(source.dtype)

    def _aligned(self, value: int, sources: Mapping[int, Tensor]) -> Tensor:
        """A source with its time, if it has any, in front of as many dimensions as the carry has."""
        source = sources[value]
        if value not in self._stepped or source.dim() == 1 + self._rank:
            return source
        return source.reshape(len(source), *[1] * (1 + self._rank - source.dim()), *source.shape[1:])
