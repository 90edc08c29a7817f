"""Which implementation serves the recurrences of a graph, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch

from srwm import kernels
from srwm.worker.engine.acting import SRWM
from srwm.worker.engine.calls import DTYPES
from srwm.worker.messages_gen import GraphSpec


@dataclass(frozen=True, kw_only=True)
class KernelUse:
    """What `auto` chooses for an op of a graph."""

    op: str
    implementation: str
    reason: str


def kernel_uses(graph: GraphSpec, in_place: Collection[int], device: torch.device) -> list[KernelUse]:
    """One entry for each op and implementation; nodes `in_place` take the form of acting."""
    found = {(use.op, use.implementation): use for use in _uses(graph, in_place, device)}
    return list(found.values())


def _uses(graph: GraphSpec, in_place: Collection[int], device: torch.device) -> Iterator[KernelUse]:
    specs = [*graph.inputs, *graph.parameters, *(result for node in graph.nodes for result in node.results)]
    for index, node in enumerate(graph.nodes):
        if node.body is not None:
            yield from _uses(node.body, (), device)
        if node.op == SRWM:
            x, y = specs[node.inputs[0]], node.results[0]
            op = 'srwm_step' if index in in_place else 'srwm'
            said = kernels.explain(
                op,
                device=device,
                dtype=DTYPES[x.dtype],
                head_dim=x.shape[3],
                output_dim=y.shape[3],
                bptt=str(node.attrs['bptt']),
                differentiable=op == 'srwm',
            )
            yield KernelUse(op=op, implementation=said.implementation, reason=said.reason)
