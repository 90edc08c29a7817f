"""Poolings that the compiled kernel serves: chosen when a module is built, from sizes, dtypes and the device.

A body that runs for many steps at once (`scan`) keeps torch's pooling, which can be batched.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from srwm import kernels
from srwm.worker.engine.calls import DTYPES, VALUE
from srwm.worker.messages_gen import ValueSpec


def pooling(x: Tensor) -> Tensor:
    """The largest of each window of 3x3 with stride 2 and padding 1."""
    # A held graph may itself be traced for many steps at once, which the compiled op is not made for.
    if torch._C._are_functorch_transforms_active():
        return torch.max_pool2d(x, 3, 2, 1)
    return torch.ops.max_pool2d.forward_cpu.default(x)[0]


def described_pooling(x: ValueSpec, attrs: dict[str, Any], device: torch.device) -> kernels.Pooling:
    """A pooling of the wire as `kernels.explain_max_pool2d` wants it."""
    _, channels, height, width = x.shape
    return kernels.Pooling(
        device_type=device.type,
        dtype=DTYPES[x.dtype],
        channels=channels,
        height=height,
        width=width,
        window=_pair(attrs['kernel']),
        stride=_pair(attrs['stride']),
        padding=_pair(attrs['padding']),
    )


def use_pooling(graph: fx.Graph, device: torch.device) -> None:
    """Rewrites the poolings of `graph` that the compiled kernel serves."""
    for node in list(graph.find_nodes(op='call_function', target=torch.max_pool2d)):
        arguments: Any = node.args
        x, kernel, stride, padding = arguments
        value = x.meta.get(VALUE)
        if node.kwargs or value is None or len(value.shape) != 4:
            continue
        call = described_pooling(value, {'kernel': kernel, 'stride': stride, 'padding': padding}, device)
        if kernels.explain_max_pool2d(call).implementation != 'cpu':
            continue
        node.target, node.args = pooling, (x,)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
