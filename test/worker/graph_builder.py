"""Writes wire graphs by hand, and runs them in the plainest way: every node once, every scan as a loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from srwm.worker.engine.calls import DTYPE_NAMES, DTYPES
from srwm.worker.engine.graphs import Graph, Graphs
from srwm.worker.engine.lowering import LOWERINGS
from srwm.worker.messages_gen import GraphOutput, GraphSpec, NamedValue, NodeSpec, ValueSpec

CPU = torch.device('cpu')
Specs = dict[str, tuple[list[int], str]]


class Builder:
    """A graph in the making; values are numbers, and the shape of a result is that of a trial run on ones."""

    def __init__(self, name: str, inputs: Specs, parameters: Specs | None = None) -> None:
        self.name = name
        self.inputs = [NamedValue(name=n, shape=s, dtype=d) for n, (s, d) in inputs.items()]
        self.parameters = [NamedValue(name=n, shape=s, dtype=d) for n, (s, d) in (parameters or {}).items()]
        self.nodes: list[NodeSpec] = []
        sources = [*self.inputs, *self.parameters]
        self.numbers = {value.name: number for number, value in enumerate(sources)}
        self.trial = [0 if v.dtype == 'key' else torch.ones(v.shape, dtype=DTYPES[v.dtype]) for v in sources]

    def __getitem__(self, name: str) -> int:
        return self.numbers[name]

    def op(self, op: str, *inputs: int, **attrs: Any) -> int:
        """The number of the result of a node with one result."""
        call = LOWERINGS[op]([self.trial[value] for value in inputs], attrs, CPU)
        return self._add(op, inputs, attrs, None, [call.target(*call.args, **call.kwargs)])[0]

    def ops(self, op: str, *inputs: int, **attrs: Any) -> list[int]:
        """The numbers of the results of a node with several."""
        call = LOWERINGS[op]([self.trial[value] for value in inputs], attrs, CPU)
        return self._add(op, inputs, attrs, None, list(call.target(*call.args, **call.kwargs)))

    def scan(
        self, body: GraphSpec, inputs: list[int], num_carry: int, num_xs: int, **changes: Any
    ) -> list[int]:
        """The numbers of (final carries, stacked results)."""
        length = self.trial[inputs[num_carry]].shape[0]
        attrs = {
            'length': length,
            'num_carry': num_carry,
            'num_xs': num_xs,
            'num_constants': len(body.inputs) - num_carry - num_xs,
            'reverse': False,
            **changes,
        }
        given = [self.trial[value] for value in inputs]
        return self._add('srwm.scan', inputs, attrs, body, loop(body, attrs, given))

    def _add(self, op: str, inputs: Any, attrs: dict[str, Any], body: Any, made: list[Tensor]) -> list[int]:
        first = len(self.trial)
        results = [ValueSpec(shape=list(value.shape), dtype=DTYPE_NAMES[value.dtype]) for value in made]
        self.trial.extend(made)
        self.nodes.append(
            NodeSpec(op=op, inputs=list(inputs), attrs=attrs, results=results, loc=0, scope='', body=body)
        )
        return list(range(first, first + len(made)))

    def spec(self, **outputs: int) -> GraphSpec:
        """The finished graph."""
        return GraphSpec(
            version=1,
            name=self.name,
            inputs=self.inputs,
            parameters=self.parameters,
            nodes=self.nodes,
            outputs=[GraphOutput(name=name, value=value) for name, value in outputs.items()],
            locs=['test.ts:1:1'],
        )


def built(spec: GraphSpec) -> Graph:
    """What the worker would run."""
    graphs = Graphs()
    graphs.load('hash', spec, CPU)
    return graphs.get('hash')


def interpret(spec: GraphSpec, arguments: list[Any]) -> list[Any]:
    """Outputs of a graph, node by node."""
    values = list(arguments)
    for node in spec.nodes:
        inputs = [values[value] for value in node.inputs]
        if node.body is not None:
            values.extend(loop(node.body, node.attrs, inputs))
        else:
            call = LOWERINGS[node.op](inputs, node.attrs, CPU)
            made = call.target(*call.args, **call.kwargs)
            values.extend([made] if isinstance(made, Tensor) else made)
    return [values[output.value] for output in spec.outputs]


def loop(body: GraphSpec, attrs: dict[str, Any], inputs: list[Any]) -> list[Tensor]:
    """A scan as its documentation says it: the body once a step, in order."""
    carries, xs = inputs[: attrs['num_carry']], inputs[attrs['num_carry'] :][: attrs['num_xs']]
    rest = inputs[attrs['num_carry'] + attrs['num_xs'] :]
    rows: list[list[Tensor]] = [[] for _ in range(attrs['length'])]
    times = range(attrs['length'])
    for t in reversed(times) if attrs['reverse'] else times:
        made = interpret(body, [*carries, *(x[t] for x in xs), *rest])
        carries, rows[t] = made[: attrs['num_carry']], made[attrs['num_carry'] :]
    return [*carries, *(torch.stack(column) for column in zip(*rows, strict=True))]
