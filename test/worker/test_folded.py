"""Loops of affine bodies as one call a step: values and gradients against the plain loop, whatever a state holds."""

from __future__ import annotations

import random

import pytest
import torch
from graph_builder import Builder, built, interpret
from torch import Tensor

from srwm.worker.engine.graphs import Graph
from srwm.worker.engine.scan import Scan
from srwm.worker.messages_gen import GraphSpec

T, B, D = 7, 3, 4
TOLERANCES = {'float32': 1e-5, 'float64': 1e-12}


def leaky(dtype: str) -> GraphSpec:
    """What `stepCore` makes of a leaky integrator: the state is set to a number 0 where an episode begins."""
    b = Builder('leaky', {'h': ([B, D], dtype), 'first': ([B, 1], 'bool'), 'x': ([B, D], dtype)})
    zero = b.op('aten.full.default', shape=[], value=0, dtype=dtype)
    kept = b.op('aten.where.self', b['first'], zero, b['h'])
    after = b.op('aten.add.Tensor', b.op('aten.mul.Scalar', kept, other=0.9), b['x'])
    return b.spec(h=after, y=after)


def reading(dtype: str) -> GraphSpec:
    """Results that are the state before, the state after, and neither; a factor that wants gradients."""
    b = Builder(
        'reading',
        {'h': ([B, D], dtype), 'first': ([B, 1], 'bool'), 'x': ([B, D], dtype), 'decay': ([D], dtype)},
    )
    zero = b.op('aten.full.default', shape=[], value=0, dtype=dtype)
    kept = b.op('aten.where.self', b['first'], zero, b['h'])
    after = b.op('aten.add.Tensor', b.op('aten.mul.Tensor', kept, b['decay']), b['x'])
    return b.spec(h=after, before=b['h'], kept=kept, after=after)


def drawn(dtype: str, seed: int) -> GraphSpec:
    """Some affine calls in a row, on sources of every shape, with and without time."""
    draw = random.Random(seed)
    b = Builder(
        'drawn',
        {
            'h': ([B, D], dtype),
            'first': ([B, 1], 'bool'),
            'x': ([B, D], dtype),
            'r': ([B, 1], dtype),
            'chosen': ([D], 'bool'),
            'c': ([D], dtype),
            's': ([], dtype),
        },
    )
    two = b.op('aten.full.default', shape=[], value=2, dtype=dtype)
    zero = b.op('aten.full.default', shape=[D], value=0, dtype=dtype)
    tensors = [b['x'], b['r'], b['c'], b['s'], two, zero]
    conditions = [b['first'], b['chosen']]
    carried = [b['h']]
    for _ in range(draw.randint(2, 6)):
        h, other, number = draw.choice(carried), draw.choice(tensors), draw.choice([-0.5, 0.0, 0.9, 1, 1.0])
        call = draw.choice(['where', 'where', 'mul', 'add', 'sub', 'div', 'scalar', 'neg', 'both'])
        pair = draw.choice([(h, other), (other, h)])
        if call == 'where':
            made = b.op('aten.where.self', draw.choice(conditions), *pair)
        elif call == 'div':
            made = b.op('aten.div.Tensor', h, two)
        elif call == 'neg':
            made = b.op('aten.neg.default', h)
        elif call == 'scalar':
            op = draw.choice(['add.Scalar', 'rsub.Scalar', 'mul.Scalar'])
            made = b.op(f'aten.{op}', h, other=number)
        elif call == 'both':
            made = b.op(f'aten.{draw.choice(["add", "sub"])}.Tensor', h, draw.choice(carried))
        else:
            made = b.op(f'aten.{call}.Tensor', *pair)
        carried.append(made)
    after = b.op('aten.add.Tensor', carried[-1], b['x'])
    return b.spec(h=after, y=after, before=b['h'])


XS = ('first', 'x', 'r')
"""Names of what has a value for each step; bodies name them behind the carry, before what has none."""


def graph_of(body: GraphSpec, *, reverse: bool = False, length: int = T) -> GraphSpec:
    sources = {
        value.name: ([length, *value.shape] if value.name in XS else list(value.shape), value.dtype)
        for value in body.inputs
    }
    b = Builder('graph', sources)
    stepped = sum(name in XS for name in sources)
    results = b.scan(body, list(range(len(sources))), 1, stepped, length=length, reverse=reverse)
    return b.spec(**{f'out{i}': value for i, value in enumerate(results)})


def arguments_of(spec: GraphSpec) -> list[Tensor]:
    draw = torch.Generator().manual_seed(5)
    return [
        torch.rand(value.shape, generator=draw) < 0.3
        if value.dtype == 'bool'
        else torch.randn(value.shape, dtype=getattr(torch, value.dtype), generator=draw).requires_grad_()
        for value in spec.inputs
    ]


def loop_of(graph: Graph):
    return next(m for m in graph.forward.__self__.modules() if isinstance(m, Scan))._diagonal


def folding(spec: GraphSpec, monkeypatch: pytest.MonkeyPatch, *, plain: bool = False) -> Graph:
    """The graph, whose loop has only the folded form."""
    graph = built(spec)
    loop = loop_of(graph)
    assert loop is not None
    assert loop.folds
    if not plain:
        monkeypatch.setattr(loop, '_plain', None)
    return graph


def check(graph: Graph, spec: GraphSpec, arguments: list[Tensor], tolerance: float) -> None:
    got, wanted = list(graph.run(arguments)), interpret(spec, arguments)
    asked = [argument for argument in arguments if argument.requires_grad]

    def gradients(results: list[Tensor]) -> tuple[Tensor | None, ...]:
        weights = [torch.linspace(-1, 1, result.numel()).reshape(result.shape) for result in results]
        loss = sum((r * w.to(r.dtype)).sum() for r, w in zip(results, weights, strict=True))
        return torch.autograd.grad(loss, asked, allow_unused=True)

    for value, reference in zip(got, wanted, strict=True):
        torch.testing.assert_close(value, reference, rtol=tolerance, atol=tolerance, equal_nan=True)
    for value, reference in zip(gradients(got), gradients(wanted), strict=True):
        if value is None or reference is None:
            # A gradient of zeros may be none.
            rest = reference if value is None else value
            assert rest is None or not rest.any()
        else:
            size = float(reference.nan_to_num().abs().max()) + 1
            torch.testing.assert_close(
                value, reference, rtol=tolerance, atol=tolerance * size, equal_nan=True
            )


@pytest.mark.parametrize('dtype', TOLERANCES)
@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('make', [leaky, reading])
def test_values_and_gradients_are_those_of_the_plain_loop(make, reverse, dtype, monkeypatch):
    spec = graph_of(make(dtype), reverse=reverse)
    check(folding(spec, monkeypatch), spec, arguments_of(spec), TOLERANCES[dtype])


@pytest.mark.parametrize('seed', range(60))
def test_any_affine_body_folds(seed, monkeypatch):
    spec = graph_of(drawn('float64', seed), reverse=bool(seed % 2))
    graph = folding(spec, monkeypatch)
    check(graph, spec, arguments_of(spec), 1e-10)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize('at', ['h', 'x'])
@pytest.mark.parametrize('make', [leaky, reading])
def test_nothing_passes_a_reset(make, at, value, monkeypatch):
    spec = graph_of(make('float64'))
    arguments = arguments_of(spec)
    names = [source.name for source in spec.inputs]
    first = torch.zeros_like(arguments[names.index('first')])
    first[0 if at == 'h' else 3] = True
    arguments[names.index('first')] = first
    with torch.no_grad():
        source = arguments[names.index(at)]
        (source if at == 'h' else source[1])[0, 1] = value
    graph = folding(spec, monkeypatch, plain=True)
    got, wanted = graph.run(arguments), interpret(spec, arguments)
    for one, other in zip(got, wanted, strict=True):
        assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))
    assert got[0].isfinite().all()
    # A result may be the state before the reset.
    assert got[1][4:].isfinite().all()


def test_a_state_that_stays_infinite_is_that_of_the_plain_loop(monkeypatch):
    spec = graph_of(leaky('float32'))
    h, first, x = arguments_of(spec)
    with torch.no_grad():
        x[2, 1] = torch.inf
    graph = folding(spec, monkeypatch, plain=True)
    for one, other in zip(graph.run([h, first, x]), interpret(spec, [h, first, x]), strict=True):
        assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))


def test_a_step_is_one_call_and_gives_the_same_bits_without_gradients(monkeypatch):
    spec = graph_of(leaky('float32'))
    graph, arguments, calls = folding(spec, monkeypatch), arguments_of(spec), []

    def counted(*given: Tensor, out: Tensor) -> Tensor:
        calls.append(out)
        return torch.addcmul(*given, out=out)

    loop = loop_of(graph)
    assert loop is not None
    monkeypatch.setattr(loop, 'combine', counted)
    with_gradients = graph.run(arguments)
    assert len(calls) == T
    with torch.no_grad():
        without = graph.run(arguments)
    assert len(calls) == 2 * T
    assert all(torch.equal(a, b) for a, b in zip(with_gradients, without, strict=True))
    # Neither the last state nor the first one shares memory with a result.
    assert without[0].untyped_storage().data_ptr() != without[1].untyped_storage().data_ptr()


@pytest.mark.parametrize(('dtype', 'length'), [('bfloat16', T), ('float32', 1)])
def test_few_digits_and_few_steps_keep_the_plain_loop(dtype, length):
    loop = loop_of(built(graph_of(leaky(dtype), length=length)))
    assert loop is not None
    assert not loop.folds
