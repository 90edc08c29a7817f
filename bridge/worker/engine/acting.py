"""The form of a graph that acts: a recurrence of one step writes the state it is given, instead of a new one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from srwm import kernels
from srwm.worker.engine.build import first_values
from srwm.worker.engine.calls import Attributes, Call, Lowering
from srwm.worker.messages_gen import GraphSpec

SRWM = 'srwm.srwm'


@dataclass(frozen=True, kw_only=True)
class InPlace:
    """A node whose state is graph input `input` and nothing else's, and comes out as output `output`."""

    node: int
    input: int
    output: int


def in_place_nodes(graph: GraphSpec) -> list[InPlace]:
    """The recurrences over one step whose state nobody would miss, if it were written over."""
    firsts = first_values(graph)
    uses = [value for node in graph.nodes for value in node.inputs] + [o.value for o in graph.outputs]
    outputs = {output.value: index for index, output in enumerate(graph.outputs)}
    found = []
    for index, node in enumerate(graph.nodes):
        if node.op != SRWM or node.results[0].shape[0] != 1:
            continue
        state, after = node.inputs[2], firsts[index] + 1
        if (
            state < len(graph.inputs)
            and uses.count(state) == 1
            and uses.count(after) == 1
            and after in outputs
        ):
            found.append(InPlace(node=index, input=state, output=outputs[after]))
    return found


def in_place_calls(nodes: list[InPlace]) -> dict[int, Lowering]:
    """How those nodes are called, by index."""
    return {one.node: _step for one in nodes}


def _step(inputs: list[Tensor], attrs: Attributes, device: torch.device) -> Call:
    return Call(srwm_step, tuple(inputs), {'input_softmax': attrs['input_softmax']})


def srwm_step(
    x: Tensor, w: Tensor, fast_weight_delta: Tensor, is_first: Tensor, *, input_softmax: bool
) -> tuple[Tensor, Tensor]:
    """`srwm` over x [1,B,H,D], with the state written in place and handed back."""
    y = kernels.srwm_step_(x[0], w, fast_weight_delta, is_first[0], input_softmax=input_softmax)
    return y.unsqueeze(0), fast_weight_delta
