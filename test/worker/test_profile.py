"""Profiles: the same numbers as without, and every node finds its forward and its backward time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from graph_builder import CPU, Builder
from torch import Tensor

from srwm.worker.engine.graphs import Graph, Graphs
from srwm.worker.engine.instrument import instrumented
from srwm.worker.engine.profile import NodeTime, OtherTime, Profile
from srwm.worker.engine.scan import Scan
from srwm.worker.messages_gen import GraphSpec, NodeSpec, ValueSpec

T, B, D = 6, 2, 3


def body() -> GraphSpec:
    """0 sigmoid: once; 1 linear, 2 mul: for all steps before; 3 linear, 4 add, 5 tanh: each step; 6, 7: after."""
    b = Builder('cell', {'h': ([B, D], 'float32'), 'x': ([B, D], 'float32')}, {'w': ([D, D], 'float32')})
    scale = b.op('aten.sigmoid.default', b['w'])
    gated = b.op('aten.mul.Tensor', b.op('aten.linear.default', b['x'], b['w']), b['x'])
    mixed = b.op('aten.add.Tensor', b.op('aten.linear.default', b['h'], scale), gated)
    after = b.op('aten.tanh.default', mixed)
    seen = b.op('aten.mul.Tensor', b.op('aten.softmax.int', after, dim=-1), b['x'])
    return b.spec(h=after, seen=seen)


def program() -> GraphSpec:
    """0 relu, 1 scan, 2 mean: a loss."""
    b = Builder(
        'program', {'h': ([B, D], 'float32'), 'x': ([T, B, D], 'float32')}, {'w': ([D, D], 'float32')}
    )
    x = b.op('aten.relu.default', b['x'])
    _, seen = b.scan(body(), [b['h'], x, b['w']], 1, 1)
    return b.spec(loss=b.op('aten.mean.dim', seen, dims=[], keepdim=False))


def rematerialised() -> GraphSpec:
    """0 checkpoint over (0 sin, 1 mul), 1 mean."""
    inner = Builder('inner', {'x': ([B, D], 'float32')}, {'w': ([D], 'float32')})
    made = inner.op('aten.mul.Tensor', inner.op('aten.sin.default', inner['x']), inner['w'])
    b = Builder('outer', {'x': ([B, D], 'float32')}, {'w': ([D], 'float32')})
    result = ValueSpec(shape=[B, D], dtype='float32')
    b.nodes.append(
        NodeSpec(
            op='srwm.checkpoint',
            inputs=[b['x'], b['w']],
            attrs={},
            results=[result],
            loc=0,
            scope='',
            body=inner.spec(y=made),
        )
    )
    b.trial.append(torch.ones(B, D))
    return b.spec(loss=b.op('aten.mean.dim', 2, dims=[], keepdim=False))


def loaded(spec: GraphSpec) -> Graphs:
    graphs = Graphs()
    graphs.load('hash', spec, CPU)
    return graphs


def arguments(graph: Graph) -> list[Tensor]:
    torch.manual_seed(3)
    values = [torch.randn(value.shape) for value in (*graph.spec.inputs, *graph.spec.parameters)]
    values[-1].requires_grad_()
    return values


def update(graph: Graph) -> tuple[Tensor, Tensor]:
    """The loss and the gradient of the last parameter."""
    given = arguments(graph)
    (loss,) = graph.run(list(given))
    loss.backward()
    assert given[-1].grad is not None
    return loss.detach(), given[-1].grad


def profiled(
    graphs: Graphs, updates: int = 1, trace: str | None = None
) -> tuple[dict[tuple[int, ...], NodeTime], list[OtherTime], list[tuple[Tensor, Tensor]]]:
    profile = Profile(CPU)
    graphs.take_form(lambda graph: instrumented(graph, profile.ranges))
    profile.start()
    made = [update(graphs.get('hash')) for _ in range(updates)]
    graphs.drop_form()
    nodes, others = profile.stop(trace)
    return {tuple(node.path): node for node in nodes}, others, made


def test_profiled_graph_computes_the_same_bits_and_leaves_the_plain_one_alone() -> None:
    graphs = loaded(program())
    plain = graphs.get('hash')
    loss, gradient = update(plain)
    _, _, [(same_loss, same_gradient)] = profiled(graphs)
    assert torch.equal(loss, same_loss)
    assert torch.equal(gradient, same_gradient)
    assert graphs.get('hash') is plain


def test_every_node_of_a_program_with_a_scan_has_its_forward_and_backward_time() -> None:
    nodes, others, _ = profiled(loaded(program()), updates=2)
    inside = [(1, index) for index in range(8)]
    assert set(nodes) == {(0,), (1,), (2,), *inside}
    assert all(node.forward_seconds > 0 for node in nodes.values())
    # x and h need no gradient: relu has no backward, and the loop's state gets one from the second step on.
    taught = {path for path, node in nodes.items() if node.backward_seconds > 0}
    assert taught == set(nodes) - {(0,)}
    assert [other.name for other in others] == ['torch::autograd::AccumulateGrad']
    assert others[0].calls == 2


def test_calls_count_runs_of_a_node_and_not_the_pieces_it_became() -> None:
    nodes, _, _ = profiled(loaded(program()), updates=2)
    calls = {path: node.calls for path, node in nodes.items()}
    once_an_update = dict.fromkeys([(0,), (1,), (2,), (1, 0), (1, 1), (1, 2), (1, 6), (1, 7)], 2)
    each_step = dict.fromkeys([(1, 3), (1, 4), (1, 5)], 2 * T)
    assert calls == {**once_an_update, **each_step}


def test_what_a_backward_pass_computes_again_is_backward_time_of_its_node() -> None:
    nodes, _, [(loss, gradient)] = profiled(loaded(rematerialised()))
    plain = update(loaded(rematerialised()).get('hash'))
    assert torch.equal(loss, plain[0])
    assert torch.equal(gradient, plain[1])
    assert set(nodes) == {(0,), (1,), (0, 0), (0, 1)}
    # x needs no gradient: sin has a backward time only because it is computed again.
    assert nodes[(0, 0)].backward_seconds > 0
    assert nodes[(0, 0)].calls == 2


def test_times_of_nodes_exclude_each_other() -> None:
    graphs = loaded(program())
    profile = Profile(CPU)
    graphs.take_form(lambda graph: instrumented(graph, profile.ranges))
    profile.start()
    with torch.profiler.record_function('whole'):
        update(graphs.get('hash'))
    nodes, others = profile.stop(None)
    whole = next(e for e in profile._profiler.events() or [] if e.name == 'whole')
    own = sum(node.forward_seconds + node.backward_seconds for node in nodes)
    parts = [*(n.forward_seconds for n in nodes), *(n.backward_seconds for n in nodes)]
    assert min(parts) >= 0
    assert own + sum(other.seconds for other in others) <= whole.time_range.elapsed_us() / 1e6


def test_trace_is_a_chrome_trace_whose_ranges_carry_the_line(tmp_path: Path) -> None:
    profiled(loaded(program()), trace=str(tmp_path / 'trace.json'))
    events = json.loads((tmp_path / 'trace.json').read_text())['traceEvents']
    names = [event['name'] for event in events if event.get('ph') == 'X']
    assert any(name.startswith('test.ts:1:1 tanh ') for name in names)


def test_a_graph_that_comes_during_a_profile_is_profiled_and_plain_afterwards() -> None:
    graphs, profile = Graphs(), Profile(CPU)
    graphs.take_form(lambda graph: instrumented(graph, profile.ranges))
    graphs.load('hash', program(), CPU)
    during = graphs.get('hash')
    graphs.drop_form()
    assert graphs.get('hash').forward is not during.forward
    assert not profile.ranges.calls
    update(graphs.get('hash'))
    assert not profile.ranges.calls


@pytest.mark.parametrize('part', ['invariant', 'hoisted', 'core', 'sunk'])
def test_marks_of_a_scan_change_none_of_its_code(part: str) -> None:
    node = program().nodes[1]
    plain, marked = Scan(node, CPU), Scan(node, CPU, marked=True)
    assert getattr(plain, part).code == getattr(marked, part).code


def test_a_folded_step_belongs_to_the_node_that_makes_the_next_carry() -> None:
    cell = Builder('leaky', {'h': ([B, D], 'float32'), 'x': ([B, D], 'float32')}, {'w': ([D], 'float32')})
    after = cell.op(
        'aten.add.Tensor', cell.op('aten.mul.Scalar', cell['h'], other=0.9), cell.op('aten.relu.default', 1)
    )
    b = Builder('program', {'h': ([B, D], 'float32')}, {'w': ([D], 'float32'), 'x': ([T, B, D], 'float32')})
    _, seen = b.scan(cell.spec(h=after, y=after), [b['h'], b['x'], b['w']], 1, 1)
    graphs = loaded(b.spec(loss=b.op('aten.mean.dim', seen, dims=[], keepdim=False)))
    loss, gradient = update(graphs.get('hash'))
    nodes, _, [(same_loss, same_gradient)] = profiled(graphs)
    assert torch.equal(loss, same_loss)
    assert torch.equal(gradient, same_gradient)
    assert {path: node.calls for path, node in nodes.items()} == {(0,): 1, (0, 1): 1, (0, 2): T, (1,): 1}
