"""The form of a graph that a profile runs: the same calls, each inside a range that names the author's line."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import fx

from srwm.worker.engine.acting import in_place_calls
from srwm.worker.engine.build import NODE, SCAN, build_module, take
from srwm.worker.engine.calls import Lowering
from srwm.worker.engine.checkpoint import Checkpoint
from srwm.worker.engine.folded import Combine
from srwm.worker.engine.graphs import Graph
from srwm.worker.engine.ranges import Place, Ranges
from srwm.worker.engine.scan import Scan
from srwm.worker.messages_gen import GraphSpec, NodeSpec


def instrumented(graph: Graph, ranges: Ranges) -> Graph:
    """`graph`, built once more; it computes the same values and gradients."""

    def build(calls: Mapping[int, Lowering] | None = None) -> fx.GraphModule:
        module = build_module(graph.spec, graph.device, calls)
        _name_nodes(module, graph.spec, Place(graph.hash, ()), ranges, graph.device)
        return module

    forward = build().forward
    act = build(in_place_calls(graph.spec, graph.in_place)).forward if graph.in_place else forward
    return replace(graph, forward=forward, act=act)


def _name_nodes(
    module: fx.GraphModule, spec: GraphSpec, holder: Place, ranges: Ranges, device: torch.device
) -> None:
    former = None
    for call in list(module.graph.nodes):
        index = call.meta.get('custom', {}).get(NODE)
        if index is None or call.op not in ('call_function', 'call_module'):
            continue
        if call.target in (take, operator.getitem):
            continue
        node, place = spec.nodes[index], Place(holder.hash, (*holder.path, index))
        name = _name(spec, node, place)
        if call.op == 'call_module':
            target = _held(node, place, ranges, device).forward
        else:
            target = call.target
        with module.graph.inserting_before(call):
            named = module.graph.call_function(
                # Parts for all steps at once are flat: one node of the body may be several calls in a row.
                ranges.around(name, place, target, counts=index != former),
                call.args,
                call.kwargs,
            )
        call.replace_all_uses_with(named)
        module.graph.erase_node(call)
        former = index
    module.recompile()


def _held(node: NodeSpec, place: Place, ranges: Ranges, device: torch.device) -> torch.nn.Module:
    """The module of a node with a body, with the nodes of the body named."""
    body = node.body
    assert body is not None
    if node.op != SCAN:
        held = Checkpoint(node, device)
        _name_nodes(held.body, body, place, ranges, device)
        return held
    scan = Scan(node, device, marked=True)
    parts = (scan.invariant, scan.hoisted, scan.core, scan.row_step, scan.sunk)
    for part in filter(None, parts):
        _name_nodes(part, body, place, ranges, device)

    def named(index: int, step: Combine) -> Combine:
        inner = Place(place.hash, (*place.path, index))
        return ranges.around(_name(body, body.nodes[index], inner), inner, step, counts=True)

    scan.name_steps(named)
    return scan


def _name(spec: GraphSpec, node: NodeSpec, place: Place) -> str:
    """`file:line:column op` for people, and behind it what makes the name unique."""
    op = node.op.split('.')[1]
    return f'{spec.locs[node.loc]} {op} [{place.hash[:8]} {".".join(map(str, place.path))}]'
