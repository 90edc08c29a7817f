"""Acting with a recurrent core: the state is written in place, and nothing that others read changes."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from graph_builder import Builder, built
from torch import Tensor

from srwm.kernels import explain
from srwm.worker.engine.acting import in_place_nodes
from srwm.worker.engine.collect import Carry, Plan, Unroll, collect
from srwm.worker.engine.graphs import Graph

B, H, D = 3, 2, 4
STATE = 'state/layer0/memory'


@dataclass(frozen=True, kw_only=True)
class Core:
    """A recurrence of D inputs and D outputs: its state, its weights, and its step in `srwm.kernels`."""

    state: list[int]
    weights: list[int] | None
    step: str

    def add(self, b: Builder, state: int) -> list[int]:
        """The numbers of the output and of the new state."""
        x, is_first = b['observation'], b['is_first']
        if self.weights:
            return b.ops('srwm.srwm', x, b['w'], state, is_first, input_softmax=True, bptt='unroll')
        q, k = (
            b.op('aten.softmax.int', x, dim=3),
            b.op('aten.softmax.int', b.op('aten.neg.default', x), dim=3),
        )
        beta = b.op('aten.sigmoid.default', b.op('aten.select.int', x, dim=3, index=0))
        return b.ops('srwm.delta_rule', q, k, x, beta, state, is_first, bptt='unroll')


CORES = {
    'srwm': Core(state=[B, H, D, 3 * D + 4], weights=[H, D, 3 * D + 4], step='srwm_step'),
    'delta_rule': Core(state=[B, H, D, D], weights=None, step='delta_rule_step'),
}
every_core = pytest.mark.parametrize('name', CORES)


class Slots:
    """Shows numbers drawn anew at each step; slot 1 begins an episode at steps 0 and 4."""

    num_envs = B
    observation_shape = (H, D)
    observation_dtype = 'float32'

    def __init__(self) -> None:
        self.step = 0
        self.observations = np.zeros((B, H, D), dtype=np.float32)

    def current(self, group: int) -> SimpleNamespace:
        shown = np.random.default_rng(self.step).standard_normal((B, H, D), dtype=np.float32)
        is_first = np.array([self.step == 0, self.step % 4 == 0, False])
        return SimpleNamespace(
            observation=shown,
            reward=np.zeros(B, dtype=np.float32),
            is_first=is_first,
            is_truncated=np.zeros(B, dtype=bool),
        )

    def observation_rows(self, count: int) -> None:
        return None

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        assert actions.shape == (B,)

    def receive(self, group: int) -> SimpleNamespace:
        self.step += 1
        return self.current(group)


def act_graph(name: str, *, state_read_twice: bool = False, state_made_here: bool = False) -> Graph:
    core = CORES[name]
    b = Builder(
        'act',
        {
            'observation': ([1, B, H, D], 'float32'),
            'is_first': ([1, B], 'bool'),
            STATE: (core.state, 'float32'),
        },
        {'w': (core.weights, 'float32')} if core.weights else {},
    )
    state = b.op('aten.mul.Scalar', b[STATE], other=1.0) if state_made_here else b[STATE]
    y, after = core.add(b, state)
    best = b.op('aten.argmax.default', y, dim=-1, keepdim=False)
    outputs = {'action': b.op('aten.select.int', best, dim=2, index=0), 'y': y, STATE: after}
    if state_read_twice:
        outputs['norm'] = b.op('aten.abs.default', b[STATE])
    return built(b.spec(**outputs))


def unroll(graph: Graph, initial: Tensor, pool: Slots, length: int) -> Unroll:
    parameters = {
        value.name: torch.randn(value.shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
        for value in graph.spec.parameters
    }
    plan = Plan(
        graph=graph,
        parameters=parameters,
        length=length,
        inputs={},
        per_step={},
        observation='observation',
        reward=None,
        is_first='is_first',
        level=None,
        carry=[Carry(input=STATE, output=graph.output_index(STATE), initial=initial)],
        action=graph.output_index('action'),
        record={'y': graph.output_index('y')},
        store_observation=True,
        final=None,
        tick=lambda: None,
    )
    return collect(plan, pool)


def start(name: str) -> Tensor:
    return torch.randn(CORES[name].state, generator=torch.Generator().manual_seed(2)) * 0.1


@every_core
def test_the_state_in_place_gives_what_new_states_give_and_leaves_the_first_one(name: str) -> None:
    initial = start(name)
    found = unroll(act_graph(name), initial, Slots(), 6)
    expected = unroll(act_graph(name, state_made_here=True), start(name), Slots(), 6)
    torch.testing.assert_close(found.records['y'], expected.records['y'], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.carries[0], expected.carries[0], rtol=1e-5, atol=1e-6)
    assert torch.equal(initial, start(name))
    assert found.carries[0].data_ptr() != initial.data_ptr()


@every_core
def test_two_unrolls_equal_one_and_the_carried_state_is_whole_in_between(name: str) -> None:
    graph, pool = act_graph(name), Slots()
    whole = unroll(graph, start(name), Slots(), 7)
    first = unroll(graph, start(name), pool, 3)
    kept = first.carries[0].clone()
    second = unroll(graph, first.carries[0], pool, 4)
    assert torch.equal(torch.cat([first.records['y'], second.records['y']]), whole.records['y'])
    assert torch.equal(second.carries[0], whole.carries[0])
    assert torch.equal(first.carries[0], kept)


@every_core
def test_the_learner_may_differentiate_through_what_was_carried(name: str) -> None:
    carried = unroll(act_graph(name), start(name), Slots(), 3).carries[0]
    assert not carried.is_inference()
    w = torch.zeros(carried.shape, requires_grad=True)
    (w * carried).sum().backward()
    assert torch.equal(w.grad, carried)


@every_core
@pytest.mark.parametrize('changes', [{'state_read_twice': True}, {'state_made_here': True}], ids=str)
def test_a_state_that_others_read_is_not_written(name: str, changes: dict) -> None:
    graph = act_graph(name, **changes)
    assert in_place_nodes(graph.spec) == []
    assert graph.act == graph.forward
    assert [use.op for use in graph.kernels] == [name]


@every_core
def test_a_graph_says_what_serves_it(name: str) -> None:
    [use] = act_graph(name).kernels
    expected = explain(CORES[name].step, device='cpu', head_dim=D, differentiable=False)
    assert (use.op, use.implementation, use.reason) == (
        CORES[name].step,
        expected.implementation,
        expected.reason,
    )
