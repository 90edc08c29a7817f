"""Modules do less than their graphs say, and give the same: each rule, and where it must keep away."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from graph_builder import CPU, Builder, built, interpret
from torch import Tensor

from srwm.worker.engine.build import build_module
from srwm.worker.messages_gen import GraphSpec

B, D = 3, 4
MSE = torch._C._nn.mse_loss  # pyright: ignore[reportAttributeAccessIssue]


def targets(spec: GraphSpec) -> list[object]:
    return [node.target for node in build_module(spec, CPU).graph.nodes if node.op == 'call_function']


def arguments_of(spec: GraphSpec) -> list[Tensor]:
    draw = torch.Generator().manual_seed(3)
    return [
        torch.randn(value.shape, generator=draw, dtype=getattr(torch, value.dtype)).requires_grad_()
        for value in (*spec.inputs, *spec.parameters)
    ]


def assert_same(spec: GraphSpec) -> None:
    """Values bit for bit, gradients up to the order of sums, twice: nothing is kept that a run changes."""
    graph = built(spec)
    for _ in range(2):
        arguments = arguments_of(spec)
        got, wanted = graph.run(list(arguments)), interpret(spec, arguments)
        for value, reference in zip(got, wanted, strict=True):
            assert torch.equal(value, reference)
            assert value.dtype == reference.dtype
        asked = [argument for argument in arguments if argument.requires_grad]
        found = []
        for results in (got, wanted):
            loss = sum((result * result.detach().cos()).sum() for result in results if result.requires_grad)
            found.append(torch.autograd.grad(loss, asked, allow_unused=True))
        for value, reference in zip(*found, strict=True):
            assert (value is None) == (reference is None)
            if value is not None:
                torch.testing.assert_close(value, reference, rtol=1e-5, atol=1e-6)


def test_equal_calls_are_made_once():
    b = Builder('twice', {'x': ([B, D], 'float32')})
    first, second = (b.op('aten.log_softmax.int', b['x'], dim=-1) for _ in range(2))
    other = b.op('aten.log_softmax.int', b['x'], dim=0)
    whole, real = b.op('aten.add.Scalar', first, other=1), b.op('aten.add.Scalar', second, other=1.0)
    spec = b.spec(y=b.op('aten.mul.Tensor', whole, real), z=b.op('aten.exp.default', other))
    made = targets(spec)
    assert made.count(torch.log_softmax) == 2
    assert made.count(torch.add) == 2
    assert_same(spec)


def test_two_outputs_stay_two_tensors_and_no_output_is_kept():
    b = Builder('outputs', {'x': ([B, D], 'float32')})
    twins = [b.op('aten.exp.default', b['x']) for _ in range(2)]
    ones = [b.op('aten.full.default', shape=[D], value=1.0, dtype='float32') for _ in range(2)]
    seen = b.op('aten.unsqueeze.default', ones[1], dim=0)
    spec = b.spec(a=twins[0], b=twins[1], one=ones[0], view=seen)
    graph, x = built(spec), torch.zeros(B, D)
    for _ in range(2):
        results = graph.run([x])
        assert [float(result.sum()) for result in results] == [B * D, B * D, D, D]
        for result in results:
            result.zero_()
            result += 7


def test_what_depends_on_nothing_is_computed_once():
    b = Builder('mask', {'x': ([D, D], 'float32')})
    steps = b.op('aten.arange.default', end=D, dtype='int64')
    rows, columns = (b.op('aten.unsqueeze.default', steps, dim=dim) for dim in (1, 0))
    mask = b.op('aten.ge.Tensor', rows, columns)
    zero = b.op('aten.full.default', shape=[], value=0.0, dtype='float32')
    spec = b.spec(y=b.op('aten.where.self', mask, b['x'], zero))
    assert targets(spec) == [torch.where]
    assert_same(spec)


@pytest.mark.parametrize('reduce', [None, 'aten.mean.dim', 'aten.sum.dim_IntList'])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('sides', ['one', 'two', 'two shapes', 'a difference that others read'])
def test_a_square_is_one_call_with_what_is_around_it(sides, dtype, reduce):
    shape = [D] if sides == 'two shapes' else [B, D]
    b = Builder('square', {'x': ([B, D], dtype), 'y': (shape, dtype)})
    error = b['x'] if sides == 'one' else b.op('aten.sub.Tensor', b['x'], b['y'])
    square = b.op('aten.mul.Tensor', error, error)
    result = square if reduce is None else b.op(reduce, square, dims=[], keepdim=False)
    spec = b.spec(result=result, **({'error': error} if 'others' in sides else {}))
    kept = [] if sides in ('one', 'two') else [torch.sub]
    assert targets(spec) == [*kept, MSE]
    assert_same(spec)


@pytest.mark.parametrize(
    ('dtype', 'other'), [('bfloat16', False), ('float32', True)], ids=['few digits', 'a product']
)
def test_what_is_no_square_stays(dtype, other):
    b = Builder('product', {'x': ([B, D], dtype), 'y': ([B, D], dtype)})
    spec = b.spec(y=b.op('aten.mul.Tensor', b['x'], b['y'] if other else b['x']))
    assert targets(spec) == [torch.mul]
    assert_same(spec)


def test_a_mean_that_is_not_alone_or_not_over_everything_stays():
    b = Builder('means', {'x': ([B, D], 'float32')})
    square = b.op('aten.mul.Tensor', b['x'], b['x'])
    rows = b.op('aten.mean.dim', square, dims=[1], keepdim=False)
    spec = b.spec(rows=rows, all=b.op('aten.mean.dim', square, dims=[], keepdim=False))
    assert targets(spec) == [MSE, torch.mean, torch.mean]
    assert_same(spec)


def test_a_relu_writes_over_a_result_of_its_own():
    b = Builder('layer', {'x': ([2, B, D], 'float32')}, {'w': ([D, D], 'float32'), 'b': ([D], 'float32')})
    spec = b.spec(y=b.op('aten.relu.default', b.op('aten.linear.default', b['x'], b['w'], b['b'])))
    assert targets(spec) == [F.linear, torch.relu_]
    assert_same(spec)


@pytest.mark.parametrize('below', ['an input', 'a view', 'a result that is read', 'an exp', 'an output'])
def test_a_relu_writes_over_nothing_that_somebody_else_reads(below):
    b = Builder('kept', {'x': ([B, D], 'float32')})
    doubled = b.op('aten.add.Tensor', b['x'], b['x'])
    under = {
        'an input': lambda: b['x'],
        'a view': lambda: b.op('aten.reshape.default', b['x'], shape=[D, B]),
        # The backward pass of exp reads its result.
        'an exp': lambda: b.op('aten.exp.default', b['x']),
    }.get(below, lambda: doubled)()
    outputs = {'y': b.op('aten.relu.default', under)}
    if below == 'a result that is read':
        outputs['z'] = b.op('aten.sin.default', doubled)
    if below == 'an output':
        outputs['z'] = doubled
    spec = b.spec(**outputs)
    assert torch.relu in targets(spec)
    assert_same(spec)


@pytest.mark.parametrize('op', ['add', 'mul', 'div'])
def test_numbers_are_tensors_of_the_same_digits(op):
    b = Builder('number', {'x': ([B, D], 'float32'), 'n': ([B, D], 'int64'), 'h': ([B, D], 'bfloat16')})
    results = {name: b.op(f'aten.{op}.Scalar', b[name], other=0.3) for name in 'xh'}
    results |= {'whole': b.op(f'aten.{op}.Scalar', b['n'], other=3)}
    spec = b.spec(**results)
    numbers = [node.args[1] for node in build_module(spec, CPU).graph.nodes if node.op == 'call_function']
    assert [isinstance(number, (int, float)) for number in numbers] == [False, True, True]
    arguments = [torch.randn(B, D), torch.arange(B * D).reshape(B, D), torch.randn(B, D).bfloat16()]
    for value, reference in zip(built(spec).run(list(arguments)), interpret(spec, arguments), strict=True):
        assert torch.equal(value, reference)
        assert value.dtype == reference.dtype
