"""Scans whose carry goes through functions of one element: values and gradients against the plain loop."""

from __future__ import annotations

import pytest
import torch
from graph_builder import CPU, Builder, built, interpret
from torch import Tensor

from srwm.worker.engine.scan import Scan
from srwm.worker.messages_gen import GraphSpec

T, B, D = 6, 3, 4
DTYPE = 'float64'


def leaky() -> GraphSpec:
    """A reset of one column broadcast over the features, a decay, something added."""
    b = Builder(
        'leaky', {'h': ([B, D], DTYPE), 'first': ([B, 1], 'bool'), 'x': ([B, D], DTYPE), 'z': ([], DTYPE)}
    )
    kept = b.op('aten.where.self', b['first'], b['z'], b['h'])
    after = b.op('aten.add.Tensor', b.op('aten.mul.Scalar', kept, other=0.9), b['x'])
    return b.spec(h=after, y=after)


def trace() -> GraphSpec:
    """Every affine operation; a decay with fewer dimensions; the carry twice; only the carry before is a result."""
    b = Builder(
        'trace',
        {
            'h': ([B, D], DTYPE),
            'decay': ([D], DTYPE),
            'first': ([B, D], 'bool'),
            'x': ([D], DTYPE),
            'c': ([B, 1], DTYPE),
        },
    )
    scaled = b.op('aten.div.Tensor', b.op('aten.mul.Tensor', b['decay'], b['h']), b['c'])
    other = b.op('aten.rsub.Scalar', b.op('aten.div.Scalar', b['h'], other=3.0), other=2.0)
    mixed = b.op('aten.sub.Tensor', b['x'], b.op('aten.add.Tensor', scaled, other))
    chosen = b.op('aten.where.self', b['first'], b.op('aten.neg.default', mixed), b['h'])
    after = b.op('aten.add.Scalar', chosen, other=0.25)
    return b.spec(h=after, before=b['h'])


def gated() -> GraphSpec:
    """Not affine; results that are neither carry; a value that no gradient leaves through."""
    b = Builder('gated', {'h': ([B, D], DTYPE), 'x': ([B, D], DTYPE), 'g': ([D], DTYPE)})
    candidate = b.op('aten.tanh.default', b.op('aten.add.Tensor', b['h'], b['x']))
    gate = b.op('aten.sigmoid.default', b.op('aten.mul.Tensor', b['h'], b['g']))
    stopped = b.op('aten.detach.default', b['h'])
    after = b.op('aten.add.Tensor', b.op('aten.mul.Tensor', gate, candidate), stopped)
    summed = b.op('aten.sum.dim_IntList', b.op('aten.mul.Tensor', gate, b['x']), dims=[1], keepdim=False)
    return b.spec(h=after, y=after, before=b['h'], summed=summed)


def stopped() -> GraphSpec:
    """No gradient reaches the carry before."""
    b = Builder('stopped', {'h': ([B, D], DTYPE), 'x': ([B, D], DTYPE)})
    after = b.op('aten.mul.Tensor', b.op('aten.detach.default', b['h']), b['x'])
    return b.spec(h=after, y=after)


# Body, its xs, sources that a second run asks no gradients of, and whether the first run and the second need no carry.
BODIES = {
    'leaky': (leaky, ['first', 'x'], ['x'], (True, True)),
    'trace': (trace, ['decay', 'first', 'x'], ['decay', 'c'], (False, True)),
    'gated': (gated, ['x'], ['g'], (False, False)),
    'stopped': (stopped, ['x'], ['h'], (False, False)),
}


def graph_of(body: GraphSpec, xs: list[str], length: int, reverse: bool) -> GraphSpec:
    sources = {
        value.name: ([length, *value.shape] if value.name in xs else list(value.shape), value.dtype)
        for value in body.inputs
    }
    b = Builder('graph', sources)
    # Carry, xs, constants: the order in which the bodies name them.
    results = b.scan(body, list(range(len(sources))), 1, len(xs), length=length, reverse=reverse)
    return b.spec(**{f'out{i}': value for i, value in enumerate(results)})


def arguments_of(spec: GraphSpec, without: list[str]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(3)
    return [
        torch.rand(value.shape, generator=draw) < 0.3
        if value.dtype == 'bool'
        else torch.randn(value.shape, dtype=torch.float64, generator=draw).requires_grad_(
            value.name not in without
        )
        for value in spec.inputs
    ]


def gradients(results: list[Tensor], wanted: list[Tensor]) -> tuple[Tensor | None, ...]:
    loss = sum(
        (result * torch.arange(1, result.numel() + 1, dtype=result.dtype).reshape(result.shape).sin()).sum()
        for result in results
        if result.requires_grad
    )
    return torch.autograd.grad(loss, wanted, allow_unused=True)


@pytest.mark.parametrize('length', [1, T])
@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('all_wanted', [True, False])
@pytest.mark.parametrize('name', BODIES)
def test_values_and_gradients_are_those_of_the_plain_loop(name, all_wanted, reverse, length, monkeypatch):
    make, xs, without, affine = BODIES[name]
    spec = graph_of(make(), xs, length, reverse)
    arguments = arguments_of(spec, [] if all_wanted else without)
    graph = built(spec)
    scan = next(m for m in graph.forward.__self__.modules() if isinstance(m, Scan))
    loop = scan._diagonal
    assert loop is not None
    if affine[not all_wanted]:
        # The affine form alone must do: it never asks for the body at all steps at once.
        monkeypatch.setattr(loop, '_batched', None)
    got, wanted = list(graph.run(arguments)), interpret(spec, arguments)
    for value, reference in zip(got, wanted, strict=True):
        if loop.folds:
            torch.testing.assert_close(value, reference, rtol=1e-12, atol=1e-12)
        else:
            assert torch.equal(value, reference)
    asked = [argument for argument in arguments if argument.requires_grad]
    found = zip(asked, gradients(got, asked), gradients(wanted, asked), strict=True)
    for source, value, reference in found:
        assert (value is None) == (reference is None)
        if value is not None:
            assert value.shape == source.shape
            torch.testing.assert_close(value, reference, rtol=1e-12, atol=1e-12)


def test_a_step_writes_its_carry_into_a_row_and_over_nothing_that_is_read_again():
    def step_of(name):
        make, xs, *_ = BODIES[name]
        step = Scan(graph_of(make(), xs, T, False).nodes[0], CPU).row_step
        assert step is not None
        return [
            (node.target, 'out' in node.kwargs) for node in step.graph.nodes if node.op == 'call_function'
        ]

    assert step_of('leaky') == [(torch.where, True), (Tensor.mul_, False), (Tensor.add_, False)]
    assert step_of('gated') == [
        (torch.add, True),
        (Tensor.tanh_, False),
        (torch.mul, False),
        (Tensor.sigmoid_, False),
        (torch.Tensor.detach, False),
        # Over the candidate: the gate is a result of the step.
        (Tensor.mul_, False),
        (Tensor.add_, False),
    ]


def test_a_body_that_mixes_elements_or_carries_keeps_the_plain_loop():
    b = Builder('mixes', {'h': ([B, D], DTYPE), 'x': ([B, D], DTYPE)})
    after = b.op('aten.add.Tensor', b.op('aten.softmax.int', b['h'], dim=-1), b['x'])
    node = graph_of(b.spec(h=after, y=after), ['x'], T, False).nodes[0]
    assert Scan(node, CPU)._diagonal is None


def test_the_state_behind_a_reset_is_clean_even_after_an_infinite_one():
    spec = graph_of(leaky(), ['first', 'x'], T, False)
    h, first, x, z = arguments_of(spec, [])
    first = torch.zeros_like(first)
    first[2] = True
    with torch.no_grad():
        x[0] = torch.inf
        z.zero_()
    _, y = built(spec).run([h, first, x, z])
    assert not y[:2].isfinite().any()
    assert y[2:].isfinite().all()
