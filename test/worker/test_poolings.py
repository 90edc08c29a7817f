"""Poolings of the wire that the compiled kernel serves, and the ones that it does not."""

from __future__ import annotations

import pytest
import torch
from graph_builder import Builder, built

from srwm.kernels import Pooling, explain_max_pool2d


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
