"""Scan against a plain loop over the nodes of its body: outputs and gradients."""

from __future__ import annotations

import logging

import pytest
import torch
from graph_builder import CPU, Builder, built, interpret
from torch import Tensor

from srwm.worker.engine.scan import Plan, Scan
from srwm.worker.messages_gen import GraphSpec

T, B, D = 5, 2, 3


def kinds_body(dtype: str) -> GraphSpec:
    """Nodes of every kind: invariant, hoisted, core, sunk; a constant and a parameter."""
    b = Builder(
        'kinds',
        {'h': ([B, D], dtype), 'x': ([B, D], dtype), 'c': ([D], dtype)},
        {'w': ([D, D], dtype), 'b': ([D], dtype)},
    )
    scale = b.op('aten.sigmoid.default', b['c'])
    projected = b.op('aten.linear.default', b['x'], b['w'], b['b'])
    gated = b.op('aten.mul.Tensor', projected, scale)
    mixed = b.op('aten.add.Tensor', b.op('aten.linear.default', b['h'], b['w'], b['b']), gated)
    after = b.op('aten.tanh.default', mixed)
    seen = b.op('aten.mul.Tensor', b.op('aten.softmax.int', after, dim=-1), b['x'])
    summed = b.op('aten.sum.dim_IntList', seen, dims=[1], keepdim=False)
    return b.spec(h=after, seen=seen, summed=summed, gated=gated, scale=scale)


def passing_body(dtype: str) -> GraphSpec:
    """Values handed on without any node: the carry before the step, x, a constant; x as the next carry."""
    b = Builder(
        'passing',
        {'h': ([B, D], dtype), 'last': ([B, D], dtype), 'fixed': ([D], dtype), 'x': ([B, D], dtype)}
        | {'c': ([D], dtype)},
        {'w': ([D], dtype)},
    )
    after = b.op('aten.add.Tensor', b.op('aten.mul.Tensor', b['h'], b['w']), b['last'])
    return b.spec(
        h=after, last=b['x'], fixed=b['c'], before=b['h'], former=b['last'], x=b['x'], c=b['c'], w=b['w']
    )


def hoisted_carry_body(dtype: str) -> GraphSpec:
    """The next carry reads no carry at all; a carry keeps its value; one result is given twice."""
    b = Builder('hoisted', {'h': ([D], dtype), 'kept': ([D], dtype), 'x': ([D], dtype)}, {'w': ([D], dtype)})
    made = b.op('aten.mul.Tensor', b.op('aten.exp.default', b['x']), b['w'])
    sunk = b.op('aten.mul.Tensor', b['h'], b['kept'])
    return b.spec(h=made, kept=b['kept'], made=made, again=made, sunk=sunk)


def detach_body(dtype: str) -> GraphSpec:
    """Gradients stop at hoisted, core and sunk nodes alike."""
    b = Builder('detach', {'h': ([D], dtype), 'x': ([D], dtype)}, {'w': ([D], dtype)})
    weighted = b.op('aten.mul.Tensor', b['x'], b['w'])
    hoisted = b.op('aten.mul.Tensor', b.op('aten.detach.default', weighted), b['x'])
    core = b.op('aten.mul.Tensor', b.op('aten.detach.default', b['h']), b['w'])
    after = b.op('aten.add.Tensor', b.op('aten.add.Tensor', core, b['h']), hoisted)
    sunk = b.op('aten.mul.Tensor', b.op('aten.detach.default', after), b['w'])
    return b.spec(h=after, sunk=sunk)


def layers_body(dtype: str) -> GraphSpec:
    """Operations whose batched form is another torch call: norm, variance, choice, cut, join, matrix product."""
    b = Builder(
        'layers', {'h': ([B, D], dtype), 'x': ([B, D], dtype)}, {'w': ([D], dtype), 'b': ([D], dtype)}
    )
    normed = b.op('aten.layer_norm.default', b['x'], b['w'], b['b'], epsilon=1e-5)
    chosen = b.op('aten.where.self', b.op('aten.gt.Scalar', b['x'], other=0.0), normed, b['x'])
    after = b.op('aten.add.Tensor', b.op('aten.mul.Scalar', b['h'], other=0.5), chosen)
    cut = b.op('aten.slice.Tensor', after, dim=-1, start=0, end=2, step=1)
    joined = b.op('aten.cat.default', cut, b['x'], dim=-1)
    product = b.op('aten.matmul.default', b.op('aten.permute.default', after, dims=[1, 0]), joined)
    spread = b.op('aten.var.correction', joined, dims=[1], correction=1, keepdim=True)
    best = b.op('aten.argmax.default', joined, dim=-1, keepdim=False)
    return b.spec(h=after, product=product, spread=spread, best=best)


# Body, and how many carries and xs it has.
BODIES = {
    'kinds': (kinds_body, 1, 1),
    'passing': (passing_body, 3, 1),
    'hoisted carry': (hoisted_carry_body, 2, 1),
    'detach': (detach_body, 1, 1),
    'layers': (layers_body, 1, 1),
}


def scan_graph(body: GraphSpec, num_carry: int, num_xs: int, length: int, reverse: bool) -> GraphSpec:
    """A graph of one scan node whose sources are all inputs."""
    sources = [*body.inputs, *body.parameters]
    stepped = range(num_carry, num_carry + num_xs)
    shapes = {
        v.name: ([length, *v.shape] if i in stepped else v.shape, v.dtype) for i, v in enumerate(sources)
    }
    b = Builder('graph', shapes)
    results = b.scan(body, list(range(len(sources))), num_carry, num_xs, length=length, reverse=reverse)
    return b.spec(**{f'out{i}': value for i, value in enumerate(results)})


def random_arguments(spec: GraphSpec) -> list[Tensor | int]:
    generator = torch.Generator().manual_seed(1)
    return [
        7
        if value.dtype == 'key'
        else torch.randn(value.shape, dtype=torch.float64, generator=generator)
        .to(getattr(torch, value.dtype))
        .requires_grad_()
        for value in spec.inputs
    ]


def gradients(results: list[Tensor], arguments: list[Tensor | int]) -> list[Tensor]:
    """Of a weighted sum of everything, so that no two elements could be exchanged unseen."""
    loss = sum(
        (result * torch.arange(1, result.numel() + 1, dtype=result.dtype).reshape(result.shape).sin()).sum()
        for result in results
        if result.requires_grad
    )
    given = [argument for argument in arguments if isinstance(argument, Tensor)]
    made = torch.autograd.grad(loss, given, allow_unused=True)
    return [torch.zeros_like(g) if m is None else m for g, m in zip(given, made, strict=True)]


def assert_equals_loop(spec: GraphSpec, tolerance: float) -> None:
    arguments = random_arguments(spec)
    wanted = interpret(spec, arguments)
    got = list(built(spec).run(arguments))
    for value, reference in zip(got, wanted, strict=True):
        torch.testing.assert_close(value, reference, rtol=tolerance, atol=tolerance)
    for value, reference in zip(gradients(got, arguments), gradients(wanted, arguments), strict=True):
        torch.testing.assert_close(value, reference, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('length', [1, T])
@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('name', BODIES)
def test_a_scan_equals_the_loop_over_its_body(name, reverse, length, dtype, caplog):
    make, num_carry, num_xs = BODIES[name]
    with caplog.at_level(logging.WARNING, logger='srwm.worker'):
        spec = scan_graph(make(dtype), num_carry, num_xs, length, reverse)
        assert_equals_loop(spec, 1e-5 if dtype == 'float32' else 1e-10)
    assert caplog.text == ''


def names(body: GraphSpec, nodes: list[int]) -> list[str]:
    return [body.nodes[index].op.split('.')[1] for index in nodes]


def test_nodes_are_sorted_into_invariant_hoisted_core_and_sunk():
    body = kinds_body('float32')
    plan = Plan(body, 1, 1)
    assert names(body, plan.invariant) == ['sigmoid']
    assert names(body, plan.hoisted) == ['linear', 'mul']
    assert names(body, plan.core) == ['linear', 'add', 'tanh']
    assert names(body, plan.sunk) == ['softmax', 'mul', 'sum']


def test_a_plan_without_batching_keeps_every_changing_node_in_the_order_of_the_body():
    body = kinds_body('float32')
    plan = Plan(body, 1, 1)
    plan.in_core_only()
    assert (plan.invariant, plan.core) == ([0], [1, 2, 3, 4, 5, 6, 7, 8])
    assert (plan.hoisted, plan.sunk) == ([], [])


def test_a_random_operation_in_a_body_gives_the_same_numbers_at_every_step():
    b = Builder('random', {'h': ([D], 'float32'), 'x': ([D], 'float32'), 'key': ([], 'key')})
    noise = b.op('srwm.random_normal', b['key'], shape=[D], dtype='float32')
    after = b.op('aten.add.Tensor', b['h'], b.op('aten.mul.Tensor', b['x'], noise))
    body = b.spec(h=after, noise=noise)
    spec = scan_graph(body, 1, 1, T, False)
    assert_equals_loop(spec, 1e-5)
    noises = built(spec).run(random_arguments(spec))[1]
    assert torch.equal(noises, noises[:1].expand(T, D))


def inner_body(parameters: bool) -> GraphSpec:
    sources = {'w': ([D], 'float32')} if parameters else None
    b = Builder('inner', {'g': ([D], 'float32'), 'z': ([D], 'float32')}, sources)
    weighted = b.op('aten.mul.Tensor', b['z'], b['w']) if parameters else b['z']
    after = b.op('aten.add.Tensor', b.op('aten.tanh.default', b['g']), weighted)
    return b.spec(g=after, squared=b.op('aten.mul.Tensor', after, after))


@pytest.mark.parametrize('inner_reverse', [False, True])
def test_scans_inside_a_scan_are_hoisted_looped_and_sunk_like_any_node(inner_reverse):
    b = Builder(
        'outer',
        {'h': ([D], 'float32'), 'x': ([4, D], 'float32'), 'c': ([4, D], 'float32')},
        {'w': ([D], 'float32')},
    )
    inner = inner_body(parameters=True)
    settings = {'num_carry': 1, 'num_xs': 1, 'reverse': inner_reverse}
    hoisted = b.scan(inner, [b['w'], b['x'], b['w']], **settings)
    core = b.scan(inner, [b['h'], b['c'], b['w']], **settings)
    after = b.op('aten.add.Tensor', core[0], hoisted[0])
    sunk = b.scan(inner, [after, core[1], b['w']], **settings)
    body = b.spec(h=after, core=core[1], hoisted=hoisted[1], sunk=sunk[1], last=sunk[0])
    plan = Plan(body, 1, 1)
    assert (plan.hoisted, plan.core, plan.sunk) == ([0], [1, 2], [3])
    assert_equals_loop(scan_graph(body, 1, 1, T, False), 1e-5)


def keyed_body() -> GraphSpec:
    """A hoistable scan that reads a random key: torch cannot batch it, as a key is no tensor."""
    b = Builder('keyed', {'g': ([D], 'float32'), 'z': ([D], 'float32'), 'key': ([], 'key')})
    noise = b.op('srwm.random_uniform', b['key'], shape=[D], dtype='float32')
    return b.spec(g=b.op('aten.add.Tensor', b['g'], b.op('aten.mul.Tensor', b['z'], noise)))


def test_a_body_that_torch_cannot_batch_loops_whole_and_stays_right(caplog):
    b = Builder(
        'outer',
        {'h': ([D], 'float32'), 'x': ([4, D], 'float32'), 'key': ([], 'key')},
        {'w': ([D], 'float32')},
    )
    hoisted = b.scan(keyed_body(), [b['w'], b['x'], b['key']], num_carry=1, num_xs=1)[0]
    after = b.op('aten.add.Tensor', b.op('aten.tanh.default', b['h']), hoisted)
    sunk = b.op('aten.exp.default', after)
    body = b.spec(h=after, sunk=sunk, hoisted=hoisted)
    with caplog.at_level(logging.WARNING, logger='srwm.worker'):
        assert_equals_loop(scan_graph(body, 1, 1, T, False), 1e-5)
    assert 'nothing is hoisted' in caplog.text


def test_a_scan_module_takes_its_sources_in_the_order_of_the_body():
    spec = scan_graph(inner_body(parameters=True), 1, 1, T, False)
    arguments = random_arguments(spec)
    final, squared = Scan(spec.nodes[0], CPU)(*arguments)
    assert final.shape == (D,)
    assert squared.shape == (T, D)
    torch.testing.assert_close(squared[-1], final**2)


# Operations on float32 [2, 3] by name, with their attributes.
ONE_INPUT = {
    **{
        f'aten.{name}.default': {}
        for name in (
            *('neg', 'abs', 'sign', 'exp', 'sin', 'cos', 'relu', 'elu', 'gelu', 'silu', 'sigmoid', 'tanh'),
            *('softplus', 'detach'),
        )
    },
    'aten.clamp.default': {'min': -0.5, 'max': 0.5},
    'aten.pow.Tensor_Scalar': {'other': 2.0},
    'aten.sum.dim_IntList': {'dims': [], 'keepdim': False},
    'aten.mean.dim': {'dims': [0], 'keepdim': True},
    'aten.amax.default': {'dims': [1], 'keepdim': False},
    'aten.var.correction': {'dims': [], 'correction': 0, 'keepdim': False},
    'aten.logsumexp.default': {'dims': [], 'keepdim': False},
    'aten.cumsum.default': {'dim': -1},
    'aten.softmax.int': {'dim': 0},
    'aten.log_softmax.int': {'dim': -1},
    'aten.reshape.default': {'shape': [3, 2]},
    'aten.permute.default': {'dims': [1, 0]},
    'aten.expand.default': {'shape': [4, 2, 3]},
    'aten.unsqueeze.default': {'dim': -1},
    'aten.select.int': {'dim': 1, 'index': 2},
    'aten.flip.default': {'dims': [1]},
}


@pytest.mark.parametrize('op', ONE_INPUT)
def test_an_operation_gives_the_same_outside_the_loop_as_within(op, caplog):
    b = Builder('single', {'h': ([B, D], 'float32'), 'x': ([B, D], 'float32')})
    hoisted = b.op(op, b['x'], **ONE_INPUT[op])
    after = b.op('aten.add.Tensor', b.op('aten.mul.Scalar', b['h'], other=0.5), b['x'])
    body = b.spec(h=after, hoisted=hoisted, sunk=b.op(op, after, **ONE_INPUT[op]), after=after)
    with caplog.at_level(logging.WARNING, logger='srwm.worker'):
        assert_equals_loop(scan_graph(body, 1, 1, T, False), 1e-5)
    assert caplog.text == ''
