"""Poolings of the wire that the compiled kernel serves, and the ones that it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from graph_builder import CPU, Builder, built, interpret
from torch import Tensor

from srwm.kernels import Pooling, explain_max_pool2d
from srwm.worker.engine.build import build_module
from srwm.worker.engine.poolings import pooling

FITS = Pooling(device_type='cpu', dtype=torch.float32, channels=16, height=7, width=6)
SERVES = explain_max_pool2d(FITS).implementation


def graph(channels: int, dtype: str):
    b = Builder('main', {'x': ([2, channels, 7, 6], dtype)})
    attrs = {'kernel': [3, 3], 'stride': [2, 2], 'padding': [1, 1]}
    return b.spec(y=b.op('aten.max_pool2d.default', b['x'], **attrs))


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('channels', [16, 3])
def test_sizes_decide_and_a_graph_says_so(channels: int, dtype: str) -> None:
    kind = getattr(torch, dtype)
    call = Pooling(device_type='cpu', dtype=kind, channels=channels, height=7, width=6)
    (use,) = built(graph(channels, dtype)).kernels
    assert (use.op, use.implementation) == ('max_pool2d', explain_max_pool2d(call).implementation)
    if channels == 3:
        assert 'multiples of 16, got 3' in use.reason


def value_and_gradient(run: Callable[[list[Any]], Sequence[Tensor]], x: Tensor) -> list[Tensor]:
    leaf = x.clone().requires_grad_()
    (y,) = run([leaf])
    return [y.detach(), *torch.autograd.grad(y.float().square().sum(), [leaf])]


@pytest.mark.skipif(SERVES != 'cpu', reason='the compiled pooling does not serve this processor')
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_what_is_served_is_rewritten_and_keeps_its_values(dtype: str) -> None:
    spec = graph(16, dtype)
    targets = [node.target for node in build_module(spec, CPU).graph.nodes if node.op == 'call_function']
    assert targets == [pooling]
    # Few different numbers, so that windows hold equal ones, and sums that bfloat16 holds exactly.
    draw = torch.Generator().manual_seed(3)
    x = torch.randint(-2, 3, (2, 16, 7, 6), generator=draw).to(getattr(torch, dtype))
    found = value_and_gradient(built(spec).run, x)
    expected = value_and_gradient(lambda given: interpret(spec, given), x)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.skipif(SERVES != 'cpu', reason='the compiled pooling does not serve this processor')
def test_many_steps_at_once_keep_torchs_pooling() -> None:
    x = torch.randn(4, 2, 16, 7, 6)
    torch.testing.assert_close(
        torch.vmap(pooling)(x), torch.stack([torch.max_pool2d(one, 3, 2, 1) for one in x])
    )
