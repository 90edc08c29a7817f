"""Convolutions that the compiled kernels serve: which ones, what goes into their call, and that values stay."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from graph_builder import CPU, Builder, built, interpret
from torch import Tensor

from srwm.kernels import Convolution, explain_conv2d
from srwm.worker.engine.build import build_module
from srwm.worker.engine.convolutions import convolution
from srwm.worker.messages_gen import GraphSpec

N, C, SIDE = 3, 16, 6
FITS = Convolution('cpu', torch.float32, N, SIDE, SIDE, C, C)

pytestmark = pytest.mark.skipif(
    explain_conv2d(FITS).implementation != 'cpu', reason=explain_conv2d(FITS).reason
)


def network(dtype: str = 'float32', channels: int = C, layers: int = 1) -> Builder:
    return Builder(
        'network',
        {'x': ([N, channels, SIDE, SIDE], dtype)},
        {
            **{f'w{i}': ([C, channels if i == 0 else C, 3, 3], dtype) for i in range(layers)},
            **{f'b{i}': ([C], dtype) for i in range(layers)},
        },
    )


def conv(b: Builder, x: int, i: int, **changes: Any) -> int:
    return b.op('aten.conv2d.default', x, b[f'w{i}'], b[f'b{i}'], **{'stride': 1, 'padding': 1, **changes})


def relu(b: Builder, x: int) -> int:
    return b.op('aten.relu.default', x)


def block(b: Builder) -> GraphSpec:
    """x + conv(relu(conv(relu(x))))."""
    inner = conv(b, relu(b, b['x']), 0)
    return b.spec(y=b.op('aten.add.Tensor', b['x'], conv(b, relu(b, inner), 1)))


def calls(spec: GraphSpec) -> list[Any]:
    return [node for node in build_module(spec, CPU).graph.nodes if node.op == 'call_function']


def fused(spec: GraphSpec) -> list[tuple[bool, bool]]:
    """Of each call of the kernels: whether a ReLU and an addition are in it."""
    found = [node.args for node in calls(spec) if node.target is convolution]
    return [(relu_input, residual is not None) for *_, residual, relu_input in found]


def values_and_gradients(run: Any, spec: GraphSpec) -> list[Tensor]:
    draw = torch.Generator().manual_seed(4)
    arguments = [
        (
            torch.randn(v.shape, generator=draw, dtype=getattr(torch, v.dtype))
            * (0.1 if len(v.shape) == 4 else 1)
        )
        for v in (*spec.inputs, *spec.parameters)
    ]
    leaves = [argument.requires_grad_() for argument in arguments]
    results = run(list(leaves))
    cotangents = [torch.randn(result.shape, generator=draw) for result in results]
    return [*results, *torch.autograd.grad(results, leaves, cotangents)]


def assert_close_to_torch(spec: GraphSpec) -> None:
    found = values_and_gradients(built(spec).run, spec)
    for value, wanted in zip(found, values_and_gradients(lambda a: interpret(spec, a), spec), strict=True):
        assert (value - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    for value, again in zip(found, values_and_gradients(built(spec).run, spec), strict=True):
        assert torch.equal(value, again)


def test_a_residual_block_is_two_calls():
    spec = block(network(layers=2))
    assert fused(spec) == [(True, False), (True, True)]
    assert len(calls(spec)) == 2
    assert_close_to_torch(spec)


def test_a_relu_that_others_read_is_made_once():
    b = network()
    positive = relu(b, b['x'])
    spec = b.spec(y=conv(b, positive, 0), z=b.op('aten.exp.default', positive))
    assert fused(spec) == [(False, False)]
    assert_close_to_torch(spec)


def test_a_relu_that_is_an_output_is_made():
    b = network()
    positive = relu(b, b['x'])
    spec = b.spec(y=conv(b, positive, 0), z=positive)
    assert fused(spec) == [(False, False)]
    assert_close_to_torch(spec)


def test_a_sum_of_a_result_that_others_read_stays_outside():
    b = network()
    y = conv(b, b['x'], 0)
    spec = b.spec(y=b.op('aten.add.Tensor', b['x'], y), z=b.op('aten.exp.default', y))
    assert fused(spec) == [(False, False)]
    assert_close_to_torch(spec)


@pytest.mark.parametrize('op', ['aten.sub.Tensor', 'aten.mul.Tensor'])
def test_only_an_addition_goes_into_the_call(op: str):
    b = network()
    spec = b.spec(y=b.op(op, b['x'], conv(b, b['x'], 0)))
    assert fused(spec) == [(False, False)]
    assert_close_to_torch(spec)


def test_a_sum_with_another_shape_stays_outside():
    b = network()
    row = b.op('aten.sum.dim_IntList', b['x'], dims=[0], keepdim=True)
    spec = b.spec(y=b.op('aten.add.Tensor', conv(b, b['x'], 0), row))
    assert fused(spec) == [(False, False)]
    assert_close_to_torch(spec)


def test_a_sum_of_two_convolutions_takes_one_of_them():
    b = network(layers=2)
    spec = b.spec(y=b.op('aten.add.Tensor', conv(b, b['x'], 0), conv(b, b['x'], 1)))
    assert sorted(fused(spec)) == [(False, False), (False, True)]
    assert_close_to_torch(spec)


def test_twice_one_result_is_no_sum_of_two():
    b = network()
    y = conv(b, b['x'], 0)
    spec = b.spec(y=b.op('aten.add.Tensor', y, y))
    assert fused(spec) == [(False, False)]
    assert_close_to_torch(spec)


def test_a_relu_after_the_call_writes_over_its_result():
    b = network()
    spec = b.spec(y=b.op('aten.exp.default', relu(b, conv(b, b['x'], 0))))
    assert [node.target for node in calls(spec)] == [convolution, torch.relu_, torch.exp]
    assert_close_to_torch(spec)


@pytest.mark.parametrize(
    ('dtype', 'channels', 'changes'),
    [
        ('float64', C, {}),
        ('float32', 3, {}),
        ('float32', C, {'stride': 2}),
        ('float32', C, {'padding': 0}),
        ('float32', C, {'stride': [1, 1], 'padding': [2, 1]}),
        ('float32', C, {'dilation': 2}),
    ],
    ids=str,
)
def test_what_does_not_fit_stays_torch_s(dtype: str, channels: int, changes: dict[str, Any]):
    b = network(dtype, channels)
    spec = b.spec(y=conv(b, relu(b, b['x']), 0, **changes))
    assert [node.target for node in calls(spec)] == [torch.relu, torch.conv2d]
    assert [use.implementation for use in built(spec).kernels] == ['torch']


def test_a_graph_says_what_serves_its_convolutions():
    b = network(channels=3, layers=2)
    spec = b.spec(y=conv(b, conv(b, b['x'], 0), 1))
    uses = built(spec).kernels
    assert [(use.op, use.implementation) for use in uses] == [('conv2d', 'torch'), ('conv2d', 'cpu')]
    assert 'its channels are multiples of 16, got 3 to 16' in uses[0].reason
    assert "Winograd's form" in uses[1].reason


def test_a_scan_keeps_torch_s_and_says_so():
    b = network()
    image = ([N, C, SIDE, SIDE], 'float32')
    body = Builder('body', {'h': image, 'x': image, 'w0': ([C, C, 3, 3], 'float32'), 'b0': ([C], 'float32')})
    y = conv(body, relu(body, body['x']), 0)
    step = body.spec(h=body.op('aten.add.Tensor', body['h'], y), y=y)
    b = Builder(
        'outer',
        {'h': image, 'x': ([4, *image[0]], 'float32')},
        {'w0': ([C, C, 3, 3], 'float32'), 'b0': ([C], 'float32')},
    )
    h, ys = b.scan(step, [b['h'], b['x'], b['w0'], b['b0']], num_carry=1, num_xs=1)
    spec = b.spec(h=h, ys=ys)
    assert [(use.op, use.implementation) for use in built(spec).kernels] == [('conv2d', 'torch')]
    assert 'scan' in built(spec).kernels[0].reason
    assert_close_to_torch(spec)


def test_traced_for_many_steps_it_is_torch_s():
    """A held graph with such a call may be batched by vmap, which the compiled op is not made for."""
    draw = torch.Generator().manual_seed(5)
    x, w = torch.randn(4, N, C, SIDE, SIDE, generator=draw), torch.randn(C, C, 3, 3, generator=draw) / 12
    bias = torch.randn(C, generator=draw)
    many = torch.vmap(lambda one: convolution(one, w, bias, one, True))(x)
    for found, one in zip(many, x, strict=True):
        torch.testing.assert_close(found, convolution(one, w, bias, one, True), rtol=1e-5, atol=1e-5)
