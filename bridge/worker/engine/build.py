"""Builds a wire graph into one torch.fx function over its inputs and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx

from srwm.worker.engine.calls import VALUE, Lowering
from srwm.worker.engine.lowering import LOWERINGS, take
from srwm.worker.engine.simplify import simplify
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import GraphSpec, NodeSpec, ValueSpec

SCAN = 'srwm.scan'
CHECKPOINT = 'srwm.checkpoint'
CONSTANT = 'srwm.constant'
OPERATIONS = (*LOWERINGS, SCAN, CHECKPOINT)
"""Every operation that this worker can run."""
NODE = 'srwm_node'
"""Under this name a call of a built module remembers the index of the node that it came from."""
MANY = frozenset([SCAN, CHECKPOINT, 'aten.split_with_sizes.default', 'aten.unbind.int'])
"""Operations that return a tuple even when it holds one tensor."""


def first_values(graph: GraphSpec) -> list[int]:
    """The number of each node's first result: values are inputs, then parameters, then results in order."""
    numbers, value = [], len(graph.inputs) + len(graph.parameters)
    for node in graph.nodes:
        numbers.append(value)
        value += len(node.results)
    return numbers


def value_specs(graph: GraphSpec) -> list[ValueSpec]:
    """Shape and dtype of every value, by number."""
    given = [ValueSpec(shape=v.shape, dtype=v.dtype) for v in (*graph.inputs, *graph.parameters)]
    return [*given, *(result for node in graph.nodes for result in node.results)]


def build_part(
    graph: GraphSpec,
    nodes: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
    device: torch.device,
    calls: Mapping[int, Lowering] | None = None,
) -> fx.GraphModule:
    """A module from the values `inputs` to a tuple of the values `outputs`, made of `nodes` in order.

    `calls` replaces the table's lowering of single nodes, by index.
    """
    firsts = first_values(graph)
    root, body = torch.nn.Module(), fx.Graph()
    values: dict[int, Any] = {value: body.placeholder(f'v{value}') for value in inputs}
    specs = value_specs(graph)
    for value, given in values.items():
        given.meta[VALUE] = specs[value]
    for index in nodes:
        node = graph.nodes[index]
        arguments = [values[value] for value in node.inputs]
        if calls is not None and index in calls:
            call = calls[index](arguments, node.attrs, device)
            made = body.call_function(call.target, call.args, call.kwargs)
        else:
            made = _emit(root, body, index, node, arguments, device)
        made.meta['custom'] = {NODE: index}
        if len(node.results) == 1 and node.op not in MANY:
            values[firsts[index]] = made
            made.meta[VALUE] = specs[firsts[index]]
        else:
            for i in range(len(node.results)):
                values[firsts[index] + i] = body.call_function(take, (made, i))
    body.output(tuple(values[value] for value in outputs))
    return fx.GraphModule(root, body)


def holder(node: NodeSpec, device: torch.device) -> torch.nn.Module:
    """The module of a node that holds a graph of its own."""
    # Imported here because their bodies are built by this file again.
    from srwm.worker.engine.checkpoint import Checkpoint
    from srwm.worker.engine.scan import Scan

    return Scan(node, device) if node.op == SCAN else Checkpoint(node, device)


def _emit(
    root: torch.nn.Module,
    body: fx.Graph,
    index: int,
    node: NodeSpec,
    arguments: list[Any],
    device: torch.device,
) -> fx.Node:
    if node.body is not None:
        name = f'held_{index}'
        root.add_module(name, holder(node, device))
        return body.call_module(name, tuple(arguments))
    call = lower(node, arguments, device)
    if node.op == CONSTANT:
        name = f'constant_{index}'
        root.register_buffer(name, call.target(*call.args))
        return body.get_attr(name)
    return body.call_function(call.target, call.args, call.kwargs)


def lower(node: NodeSpec, arguments: list[Any], device: torch.device) -> Any:
    """The torch call of a node without a body. Raises GRAPH_UNKNOWN_OP."""
    lowering = LOWERINGS.get(node.op)
    if lowering is None:
        raise WorkerError(
            'GRAPH_UNKNOWN_OP', f'graph: operations must be in the worker\'s table, got "{node.op}".'
        )
    return lowering(arguments, node.attrs, device)


def build_module(
    graph: GraphSpec, device: torch.device, calls: Mapping[int, Lowering] | None = None
) -> fx.GraphModule:
    """The whole graph: (inputs..., parameters...) to a tuple of its outputs."""
    given = range(len(graph.inputs) + len(graph.parameters))
    module = build_part(
        graph, range(len(graph.nodes)), given, [output.value for output in graph.outputs], device, calls
    )
    return simplify(module, device)
