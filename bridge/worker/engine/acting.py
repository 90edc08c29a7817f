"""The form of a graph that acts: a recurrence of one step writes the state it is given, instead of a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from srwm import kernels
from srwm.worker.engine.build import first_values
from srwm.worker.engine.calls import Attributes, Call, Lowering
from srwm.worker.messages_gen import GraphSpec

SRWM, DELTA_RULE = 'srwm.srwm', 'srwm.delta_rule'


@dataclass(frozen=True, kw_only=True)
class StepForm:
    """How a recurrence takes one step: the number of its state among the inputs, and `run(*inputs, **attributes)`.

    Its results are an output [1,B,...] and the state, which is written in place and handed back.
    """

    state: int
    run: Callable[..., tuple[Tensor, Tensor]]
    attributes: tuple[str, ...]


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
        form = STEP_FORMS.get(node.op)
        if form is None or node.results[0].shape[0] != 1:
            continue
        state, after = node.inputs[form.state], firsts[index] + 1
        if (
            state < len(graph.inputs)
            and uses.count(state) == 1
            and uses.count(after) == 1
            and after in outputs
        ):
            found.append(InPlace(node=index, input=state, output=outputs[after]))
    return found


def in_place_calls(graph: GraphSpec, nodes: list[InPlace]) -> dict[int, Lowering]:
    """How those nodes are called, by index."""
    return {one.node: lowering(STEP_FORMS[graph.nodes[one.node].op]) for one in nodes}


def lowering(form: StepForm) -> Lowering:
    """The call of a node in its step form."""

    def call(inputs: list[Tensor], attrs: Attributes, device: torch.device) -> Call:
        return Call(form.run, tuple(inputs), {name: attrs[name] for name in form.attributes})

    return call


def srwm_step(
    x: Tensor, w: Tensor, fast_weight_delta: Tensor, is_first: Tensor, *, input_softmax: bool
) -> tuple[Tensor, Tensor]:
    """`srwm` over x [1,B,H,D], with the state written in place and handed back."""
    y = kernels.srwm_step_(x[0], w, fast_weight_delta, is_first[0], input_softmax=input_softmax)
    return y.unsqueeze(0), fast_weight_delta


def delta_rule_step(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, fast_weights: Tensor, is_first: Tensor
) -> tuple[Tensor, Tensor]:
    """`delta_rule` over q [1,B,H,K], with the state written in place and handed back."""
    o = kernels.delta_rule_step_(q[0], k[0], v[0], beta[0], fast_weights, is_first[0])
    return o.unsqueeze(0), fast_weights


STEP_FORMS = {
    SRWM: StepForm(state=2, run=srwm_step, attributes=('input_softmax',)),
    DELTA_RULE: StepForm(state=4, run=delta_rule_step, attributes=()),
}
"""By operation."""
