"""J and b of an affine body, for all steps at once, as modules of as few calls as they need.

Numbers stay numbers as long as possible, also behind a selection: `where(first, 0, h) * 0.9` has the J
`where(first, 0, 0.9)`, one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import fx

from srwm.worker.engine.calls import DTYPES
from srwm.worker.engine.lowering import cast
from srwm.worker.messages_gen import GraphSpec, NodeSpec

SUMS = frozenset(
    ['aten.add.Tensor', 'aten.sub.Tensor', 'aten.add.Scalar', 'aten.neg.default', 'aten.rsub.Scalar']
)
SCALES = frozenset(['aten.mul.Tensor', 'aten.mul.Scalar', 'aten.div.Tensor', 'aten.div.Scalar'])
WHERE = 'aten.where.self'


class Choice(NamedTuple):
    """`where(condition, yes, no)`."""

    condition: fx.Node
    yes: float
    no: float


Term = float | Choice | fx.Node
"""A number, one of two numbers, or a tensor that broadcasts to [T, *carry]."""


class Terms:
    """The calls of one module in the making: from (*sources) to J or b."""

    def __init__(
        self,
        body: GraphSpec,
        nodes: Sequence[tuple[int, NodeSpec]],
        firsts: Sequence[int],
        sources: Sequence[int],
        stepped: set[int],
        device: torch.device,
    ) -> None:
        """`nodes` are what depends on the carry, each with the number of its result."""
        specs = [*body.inputs, *body.parameters, *(result for node in body.nodes for result in node.results)]
        self._specs, self._nodes, self._device = specs, nodes, device
        self._rank, self._dtype = len(body.inputs[0].shape), body.inputs[0].dtype
        self._stepped, self._after = stepped, body.outputs[0].value
        self._numbers = {
            first: float(node.attrs['value'])  # pyright: ignore[reportArgumentType]
            for first, node in zip(firsts, body.nodes, strict=True)
            if node.op == 'aten.full.default'
        }
        self._graph, self._root = fx.Graph(), torch.nn.Module()
        self._sources = {value: self._graph.placeholder(f'v{value}') for value in sources}
        self._emitted: dict[object, fx.Node] = {}

    def factor(self) -> fx.GraphModule:
        """J."""
        return self._module({0: 1.0}, of_sources=False)

    def offset(self) -> fx.GraphModule:
        """b; it may be a source itself."""
        return self._module({0: 0.0}, of_sources=True)

    def _module(self, known: dict[int, Term], *, of_sources: bool) -> fx.GraphModule:
        for made, node in self._nodes:
            terms = [
                known[value] if value in known else self._source(value) if of_sources else 0.0
                for value in node.inputs
            ]
            if node.op == WHERE:
                known[made] = self._select(self._aligned(node.inputs[0]), terms[1], terms[2])
            elif node.op in SCALES:
                known[made] = self._scaled(node, known)
            else:
                known[made] = self._sum(node, terms, of_sources=of_sources)
        self._graph.output(self._tensor(known[self._after]))
        self._graph.eliminate_dead_code()
        return fx.GraphModule(self._root, self._graph)

    def _scaled(self, node: NodeSpec, known: dict[int, Term]) -> Term:
        at = next(i for i, value in enumerate(node.inputs) if value in known)
        given = known[node.inputs[at]]
        other = self._source(node.inputs[1 - at]) if len(node.inputs) == 2 else _number(node)
        divides = node.op.startswith('aten.div')
        if given == 0.0:
            return 0.0
        if isinstance(other, float) and not isinstance(given, fx.Node) and not (divides and other == 0):
            return _each(given, lambda number: number / other if divides else number * other)
        if given == 1.0 and not divides:
            return other
        return self._call(torch.div if divides else torch.mul, given, other)

    def _sum(self, node: NodeSpec, terms: Sequence[Term], *, of_sources: bool) -> Term:
        a, *rest = terms
        if node.op in ('aten.neg.default', 'aten.rsub.Scalar'):
            a = self._negative(a)
        if not rest:
            return self._added(a, _number(node) if of_sources and 'other' in node.attrs else 0.0)
        if node.op == 'aten.sub.Tensor':
            if isinstance(a, fx.Node) and rest[0] != 0.0:
                return self._call(torch.sub, a, rest[0])
            return self._added(a, self._negative(rest[0]))
        return self._added(a, rest[0])

    def _added(self, a: Term, b: Term) -> Term:
        if a == 0.0 or b == 0.0:
            return b if a == 0.0 else a
        if isinstance(b, float) and not isinstance(a, fx.Node):
            return _each(a, lambda number: number + b)
        if isinstance(a, float) and not isinstance(b, fx.Node):
            return _each(b, lambda number: a + number)
        return self._call(torch.add, a, b)

    def _negative(self, term: Term) -> Term:
        if isinstance(term, fx.Node):
            return self._graph.call_function(torch.neg, (term,))
        return _each(term, lambda number: -number)

    def _select(self, condition: fx.Node, yes: Term, no: Term) -> Term:
        if isinstance(yes, float) and isinstance(no, float):
            return yes if yes == no else Choice(condition, yes, no)
        return self._call(torch.where, condition, yes, no)

    def _call(self, function: object, *terms: Term) -> fx.Node:
        return self._graph.call_function(function, tuple(self._tensor(term) for term in terms))  # pyright: ignore[reportArgumentType]

    def _tensor(self, term: Term) -> fx.Node:
        if isinstance(term, fx.Node):
            return term
        # `repr` tells 0.0 from -0.0.
        name = repr(term)
        if name not in self._emitted:
            if isinstance(term, Choice):
                self._emitted[name] = self._call(torch.where, *term)
            else:
                buffer = f'number_{len(self._emitted)}'
                value = torch.full((), term, dtype=DTYPES[self._dtype], device=self._device)
                self._root.register_buffer(buffer, value)
                self._emitted[name] = self._graph.get_attr(buffer)
        return self._emitted[name]

    def _source(self, value: int) -> Term:
        if value in self._numbers:
            return self._numbers[value]
        node = self._aligned(value)
        if self._specs[value].dtype == self._dtype:
            return node
        return self._graph.call_function(cast, (node, DTYPES[self._dtype]))

    def _aligned(self, value: int) -> fx.Node:
        """A source with its time, if it has any, in front of as many dimensions as the carry has."""
        node, shape = self._sources[value], self._specs[value].shape
        if value not in self._stepped or len(shape) == self._rank:
            return node
        aligned = [-1, *[1] * (self._rank - len(shape)), *shape]
        return self._graph.call_function(torch.reshape, (node, aligned))


def _number(node: NodeSpec) -> float:
    number = node.attrs['other']
    assert isinstance(number, int | float)
    return float(number)


def _each(term: float | Choice, function: Callable[[float], float]) -> Term:
    if isinstance(term, Choice):
        return Choice(term.condition, function(term.yes), function(term.no))
    return function(term)
