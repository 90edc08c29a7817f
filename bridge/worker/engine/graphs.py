"""Graphs that were sent once, built, and named by hash ever after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srwm.worker.engine.acting import InPlace, in_place_calls, in_place_nodes
from srwm.worker.engine.build import build_module, first_values, holder, lower
from srwm.worker.engine.calls import DTYPE_NAMES
from srwm.worker.engine.kernel_uses import KernelUse, kernel_uses
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import GraphSpec

Value = Tensor | int
"""A tensor, or a random key."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A built graph. `forward` takes inputs, then parameters, in the order of the spec.

    `act` is the same but for the nodes `in_place`, which write the state that is their input.
    """

    hash: str
    spec: GraphSpec
    forward: Callable[..., tuple[Tensor, ...]]
    act: Callable[..., tuple[Tensor, ...]]
    in_place: list[InPlace]
    kernels: list[KernelUse]
    device: torch.device

    @property
    def input_names(self) -> list[str]:
        """In call order."""
        return [value.name for value in self.spec.inputs]

    @property
    def output_names(self) -> list[str]:
        """In result order."""
        return [output.name for output in self.spec.outputs]

    def output_index(self, name: str) -> int:
        """Raises GRAPH_INPUT for an output that the graph does not have."""
        try:
            return self.output_names.index(name)
        except ValueError:
            raise WorkerError(
                'GRAPH_INPUT',
                f'graph "{self.spec.name}": outputs are {listed(self.output_names)}, got "{name}".',
            ) from None

    def arguments(self, inputs: Mapping[str, Value], parameters: Mapping[str, Tensor]) -> list[Value]:
        """Inputs and parameters in call order, checked against the shapes the graph was traced for."""
        unknown = set(inputs) - set(self.input_names)
        if unknown:
            raise WorkerError(
                'GRAPH_INPUT',
                f'graph "{self.spec.name}": inputs are {listed(self.input_names)}, got {listed(sorted(unknown))}.',
            )
        return [
            *(self._checked('input', value, inputs) for value in self.spec.inputs),
            *(self._checked('parameter', value, parameters) for value in self.spec.parameters),
        ]

    def _checked(self, kind: str, wanted: Any, given: Mapping[str, Value]) -> Value:
        value = given.get(wanted.name)
        if isinstance(value, Tensor) and list(value.shape) == wanted.shape:
            if DTYPE_NAMES.get(value.dtype) == wanted.dtype:
                return value
        elif isinstance(value, int) and wanted.dtype == 'key':
            return value
        raise WorkerError(
            'GRAPH_INPUT', f'graph "{self.spec.name}": {kind} "{wanted.name}" {_fault(wanted, value)}'
        )

    def run(self, arguments: list[Value], *, act: bool = False) -> tuple[Tensor, ...]:
        """The outputs. A failure is run again node by node, so that its error names the node."""
        try:
            return self.act(*arguments) if act else self.forward(*arguments)
        except WorkerError:
            raise
        except Exception as error:
            node = self.failing_node(arguments)
            op = '' if node is None else f' in {self.spec.nodes[node].op}'
            raise WorkerError(
                'GRAPH_FAILED',
                f'graph "{self.spec.name}": must run{op}, got {error}',
                graph=self.hash,
                node=node,
            ) from error

    def failing_node(self, arguments: list[Value]) -> int | None:
        """Index of the node that raises when the graph is interpreted."""
        index = 0
        try:
            for index, _ in self.interpret(arguments):
                index += 1
        except Exception:  # noqa: BLE001 - whatever a node raises, its index is the answer
            return index
        return None

    def interpret(self, arguments: list[Value]) -> Any:
        """Runs the nodes one by one and yields (index, results) of each."""
        values: dict[int, Any] = dict(enumerate(arguments))
        for index, (node, first) in enumerate(zip(self.spec.nodes, first_values(self.spec), strict=True)):
            inputs = [values[value] for value in node.inputs]
            if node.body is not None:
                made: Any = holder(node, self.device)(*inputs)
            else:
                call = lower(node, inputs, self.device)
                made = call.target(*call.args, **call.kwargs)
            results = (made,) if isinstance(made, Tensor) else tuple(made)
            values.update(enumerate(results, first))
            yield index, results


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: "x", "y"; or none."""
    return ', '.join(f'"{name}"' for name in names) or 'none'


def _fault(wanted: Any, value: Value | None) -> str:
    if value is None:
        return 'is required, got nothing.'
    if isinstance(value, int):
        return f'must be a {wanted.dtype} tensor, got a random key.'
    if wanted.dtype == 'key':
        return 'must be a random key, got a tensor.'
    got = DTYPE_NAMES.get(value.dtype)
    return f'must be {wanted.dtype} {wanted.shape}, got {got} {list(value.shape)}.'


class Graphs:
    """All graphs of this session, by hash."""

    def __init__(self) -> None:
        self._graphs: dict[str, Graph] = {}
        self._plain: dict[str, Graph] = {}
        self._form: Callable[[Graph], Graph] | None = None

    def take_form(self, form: Callable[[Graph], Graph]) -> None:
        """Every graph, also one that comes later, in another form until `drop_form`."""
        self._form, self._plain = form, self._graphs
        self._graphs = {hash: form(graph) for hash, graph in self._plain.items()}

    def drop_form(self) -> None:
        """The graphs as they were built."""
        self._graphs, self._plain, self._form = self._plain, {}, None

    def load(self, hash: str, spec: GraphSpec, device: torch.device) -> bool:
        """Builds a graph unless it is known; True when it was."""
        if hash in self._graphs:
            return True
        # `forward`, not the module itself: a module call costs ten times as much.
        forward = act = build_module(spec, device).forward
        in_place = in_place_nodes(spec)
        if in_place:
            act = build_module(spec, device, in_place_calls(spec, in_place)).forward
        graph = Graph(
            hash=hash,
            spec=spec,
            forward=forward,
            act=act,
            in_place=in_place,
            kernels=kernel_uses(spec, {one.node for one in in_place}, device),
            device=device,
        )
        if self._form is not None:
            self._plain[hash] = graph
            graph = self._form(graph)
        self._graphs[hash] = graph
        return False

    def get(self, hash: str) -> Graph:
        """Raises GRAPH_UNKNOWN."""
        graph = self._graphs.get(hash)
        if graph is None:
            raise WorkerError(
                'GRAPH_UNKNOWN', f'graph: must have been loaded before use, got the unknown hash {hash}.'
            )
        return graph


def first_non_finite(
    graph: Graph, inputs: Mapping[str, Value], parameters: Mapping[str, Tensor]
) -> tuple[str | None, int | None]:
    """(name of a source that is not finite already, index of the first node whose result is not)."""
    arguments = graph.arguments(inputs, parameters)
    names = [value.name for value in (*graph.spec.inputs, *graph.spec.parameters)]
    for name, value in zip(names, arguments, strict=True):
        if isinstance(value, Tensor) and not is_finite(value):
            return name, None
    with torch.no_grad():
        for index, results in graph.interpret(arguments):
            if not all(is_finite(result) for result in results):
                return None, index
    return None, None


def is_finite(tensor: Tensor) -> bool:
    """True when no element is NaN or infinite."""
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
