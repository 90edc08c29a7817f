"""Which implementation serves the recurrences, the convolutions and the poolings of a graph, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from srwm import kernels
from srwm.worker.engine.acting import DELTA_RULE, SRWM
from srwm.worker.engine.build import SCAN, first_values
from srwm.worker.engine.calls import DTYPES
from srwm.worker.engine.convolutions import described
from srwm.worker.engine.poolings import described_pooling
from srwm.worker.messages_gen import GraphSpec


@dataclass(frozen=True, kw_only=True)
class KernelUse:
    """What `auto` chooses for an op of a graph."""

    op: str
    implementation: str
    reason: str


NAMES = {SRWM: 'srwm', DELTA_RULE: 'delta_rule'}
"""What `kernels` calls the recurrences."""
CONVOLUTION = 'aten.conv2d.default'
POOLING = 'aten.max_pool2d.default'


def kernel_uses(graph: GraphSpec, in_place: Collection[int], device: torch.device) -> list[KernelUse]:
    """One entry for each op and implementation; nodes `in_place` take the form of acting."""
    found = {(use.op, use.implementation): use for use in _uses(graph, in_place, device)}
    return list(found.values())


def _uses(
    graph: GraphSpec, in_place: Collection[int], device: torch.device, *, in_scan: bool = False
) -> Iterator[KernelUse]:
    specs = [*graph.inputs, *graph.parameters, *(result for node in graph.nodes for result in node.results)]
    pooled = _pooled(graph, specs, device)
    for index, node in enumerate(graph.nodes):
        if node.body is not None:
            yield from _uses(node.body, (), device, in_scan=in_scan or node.op == SCAN)
        if node.op in NAMES:
            first, output = specs[node.inputs[0]], node.results[0]
            acts = index in in_place
            op = f'{NAMES[node.op]}_step' if acts else NAMES[node.op]
            said = kernels.explain(
                op,
                device=device,
                dtype=DTYPES[first.dtype],
                head_dim=first.shape[3],
                output_dim=output.shape[3],
                bptt=str(node.attrs['bptt']),
                differentiable=not acts,
            )
            yield KernelUse(op=op, implementation=said.implementation, reason=said.reason)
        if node.op == CONVOLUTION:
            call = described(specs[node.inputs[0]], specs[node.inputs[1]], node.attrs, device)
            said = kernels.explain_conv2d(call, 'torch' if in_scan else 'auto')
            reason = "torch's own convolution; not cpu: it is in a scan" if in_scan else said.reason
            if (
                not in_scan
                and index in pooled
                and said.implementation != 'cpu'
                and kernels.pools_at_once(call)
            ):
                reason = f'{kernels.describe_conv2d(call.dtype)}, with the pooling behind it'
                yield KernelUse(op='conv2d', implementation='cpu', reason=reason)
                continue
            yield KernelUse(op='conv2d', implementation=said.implementation, reason=reason)
        if node.op == POOLING:
            pool = described_pooling(specs[node.inputs[0]], node.attrs, device)
            said = kernels.explain_max_pool2d(pool, 'torch' if in_scan else 'auto')
            reason = "torch's own pooling; not cpu: it is in a scan" if in_scan else said.reason
            yield KernelUse(op='max_pool2d', implementation=said.implementation, reason=reason)


def _pooled(graph: GraphSpec, specs: list[Any], device: torch.device) -> set[int]:
    """The nodes whose result one pooling reads that the kernels serve, and nobody else."""
    uses = [value for node in graph.nodes for value in node.inputs] + [out.value for out in graph.outputs]
    read = set()
    for node in graph.nodes:
        if node.op == POOLING:
            call = described_pooling(specs[node.inputs[0]], node.attrs, device)
            if kernels.explain_max_pool2d(call).implementation == 'cpu':
                read.add(node.inputs[0])
    return {
        index for index, first in enumerate(first_values(graph)) if first in read and uses.count(first) == 1
    }
