"""What of bfloat16 becomes one call of the compiled kernels: residual blocks, and convolutions that are pooled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from graph_builder import CPU, Builder, built, interpret
from torch import Tensor

from srwm.kernels import Convolution, explain_conv2d
from srwm.worker.engine.blocks import pooled_convolution, residual_block
from srwm.worker.engine.build import build_module
from srwm.worker.engine.convolutions import convolution
from srwm.worker.engine.poolings import pooling
from srwm.worker.messages_gen import GraphSpec

N, C, SIDE = 3, 16, 6
FITS = Convolution('cpu', torch.bfloat16, N, SIDE, SIDE, C, C)

pytestmark = pytest.mark.skipif(
    explain_conv2d(FITS).implementation != 'cpu', reason=explain_conv2d(FITS).reason
)


def network(channels: int = C, layers: int = 2, dtype: str = 'bfloat16') -> Builder:
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


def pool(b: Builder, x: int) -> int:
    return b.op('aten.max_pool2d.default', x, kernel=[3, 3], stride=[2, 2], padding=[1, 1])


def block(b: Builder, x: int) -> int:
    """x + conv(relu(conv(relu(x))))."""
    return b.op('aten.add.Tensor', x, conv(b, relu(b, conv(b, relu(b, x), 0)), 1))


def targets(spec: GraphSpec) -> list[Any]:
    return [node.target for node in build_module(spec, CPU).graph.nodes if node.op == 'call_function']


def values_and_gradients(run: Any, spec: GraphSpec) -> list[Tensor]:
    draw = torch.Generator().manual_seed(4)
    arguments = [
        torch.randn(v.shape, generator=draw) * (0.1 if len(v.shape) == 4 and v.shape[2] == 3 else 1)
        for v in (*spec.inputs, *spec.parameters)
    ]
    dtype = getattr(torch, spec.inputs[0].dtype)
    leaves = [argument.to(dtype).requires_grad_() for argument in arguments]
    results = run(list(leaves))
    cotangents = [torch.randn(result.shape, generator=draw).to(dtype) for result in results]
    return [*results, *torch.autograd.grad(results, leaves, cotangents)]


def assert_close_to_torch(spec: GraphSpec) -> None:
    found = values_and_gradients(built(spec).run, spec)
    for value, wanted in zip(found, values_and_gradients(lambda a: interpret(spec, a), spec), strict=True):
        assert (value - wanted).abs().max() <= 0.02 * wanted.abs().max()
    for value, again in zip(found, values_and_gradients(built(spec).run, spec), strict=True):
        assert torch.equal(value, again)


def test_a_residual_block_is_one_call():
    b = network()
    spec = b.spec(y=block(b, b['x']))
    assert targets(spec) == [residual_block]
    assert [(use.op, use.implementation) for use in built(spec).kernels] == [('conv2d', 'cpu')]
    assert_close_to_torch(spec)


def test_without_gradients_nothing_between_is_kept(monkeypatch: pytest.MonkeyPatch):
    draw = torch.Generator().manual_seed(6)
    x, w = (torch.randn(s, generator=draw).bfloat16() for s in ((N, C, SIDE, SIDE), (C, C, 3, 3)))
    leaf = w.clone().requires_grad_()
    kept = []
    op = torch.ops.conv2d.block_cpu.default
    ops = type(
        'Ops',
        (),
        {'block_cpu': type('Op', (), {'default': lambda *given: kept.append(given[-1]) or op(*given)})},
    )
    monkeypatch.setattr(torch.ops, 'conv2d', ops)
    with torch.no_grad():
        expected = residual_block(x, leaf, None, w, None)
    assert torch.equal(residual_block(x, w, None, w, None), expected)
    assert torch.equal(residual_block(x, leaf, None, w, None), expected)
    assert kept == [False, False, True]


@pytest.mark.parametrize('channels', [3, C])
def test_a_convolution_that_is_pooled_is_one_call(channels: int):
    b = network(channels, layers=1)
    spec = b.spec(y=pool(b, conv(b, b['x'], 0)))
    assert targets(spec) == [pooled_convolution]
    uses = [(use.op, use.implementation) for use in built(spec).kernels]
    assert uses == [('conv2d', 'cpu'), ('max_pool2d', 'cpu')]
    assert ('with the pooling behind it' in built(spec).kernels[0].reason) == (channels == 3)
    assert_close_to_torch(spec)


def test_a_relu_behind_them_writes_over_their_results():
    b = network()
    y = b.op('aten.exp.default', relu(b, block(b, pool(b, conv(b, b['x'], 0)))))
    spec = b.spec(y=y)
    assert targets(spec) == [pooled_convolution, residual_block, torch.relu_, torch.exp]
    pooled = network(layers=1)
    z = pooled.op('aten.exp.default', relu(pooled, pool(pooled, conv(pooled, pooled['x'], 0))))
    assert targets(pooled.spec(z=z)) == [pooled_convolution, torch.relu_, torch.exp]
    assert_close_to_torch(pooled.spec(z=z))


def test_what_others_read_is_made():
    b = network()
    inner = conv(b, relu(b, b['x']), 0)
    y = b.op('aten.add.Tensor', b['x'], conv(b, relu(b, inner), 1))
    spec = b.spec(y=y, z=b.op('aten.exp.default', inner))
    assert residual_block not in targets(spec)
    assert_close_to_torch(spec)
    b = network(layers=1)
    larger = conv(b, b['x'], 0)
    spec = b.spec(y=pool(b, larger), z=b.op('aten.exp.default', larger))
    assert targets(spec) == [convolution, pooling, torch.exp]
    assert_close_to_torch(spec)


@pytest.mark.parametrize('other', ['no relu', 'another residual', 'float32'])
def test_what_is_no_block_of_bfloat16_is_several_calls(other: str):
    b = network(dtype='float32' if other == 'float32' else 'bfloat16')
    inner = conv(b, b['x'] if other == 'no relu' else relu(b, b['x']), 0)
    added = b.op('aten.neg.default', b['x']) if other == 'another residual' else b['x']
    spec = b.spec(y=b.op('aten.add.Tensor', added, conv(b, relu(b, inner), 1)))
    assert targets(spec).count(convolution) == 2
    assert residual_block not in targets(spec)
    assert_close_to_torch(spec)


@pytest.mark.parametrize('changes', [{'stride': 2}, {'padding': 0}, {'dilation': 2, 'padding': 2}], ids=str)
def test_another_window_is_torch_s(changes: dict[str, Any]):
    b = network(3, layers=1)
    spec = b.spec(y=pool(b, conv(b, b['x'], 0, **changes)))
    assert targets(spec) == [torch.conv2d, pooling]
    assert 'got 3 to 16' in built(spec).kernels[0].reason or 'its window is' in built(spec).kernels[0].reason


def test_traced_for_many_steps_they_are_torch_s():
    draw = torch.Generator().manual_seed(5)
    x = torch.randn(4, N, C, SIDE, SIDE, generator=draw).bfloat16()
    w = (torch.randn(C, C, 3, 3, generator=draw) / 12).bfloat16()
    for run in (
        lambda one: residual_block(one, w, None, w, None),
        lambda one: pooled_convolution(one, w, None),
    ):
        many = torch.vmap(run)(x)
        for found, one in zip(many, x, strict=True):
            torch.testing.assert_close(found, run(one), rtol=2e-2, atol=2e-2)
