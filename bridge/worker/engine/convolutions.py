"""Convolutions that the compiled kernels serve, with the ReLU before and the addition after them in the same call.

Chosen when a module is built, from sizes, dtypes and the device, never from values. A ReLU that only the convolution
reads is applied as it reads, and an addition that alone reads its result is made as it writes: neither costs a pass
over memory. A body that runs for many steps at once (`scan`) keeps torch's convolutions, which can be batched.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from srwm import kernels
from srwm.worker.engine.calls import DTYPES, VALUE
from srwm.worker.messages_gen import ValueSpec


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None, relu_input: bool
) -> Tensor:
    """conv2d of x (or relu(x)) with stride 1 and padding 1, plus `residual`."""
    # A held graph may itself be traced for many steps at once, which the compiled op is not made for.
    if torch._C._are_functorch_transforms_active():
        y = torch.conv2d(torch.relu(x) if relu_input else x, weight, bias, 1, 1)
        return y if residual is None else y + residual
    return torch.ops.conv2d.forward_cpu.default(x, weight, bias, residual, relu_input)


def described(
    x: ValueSpec, weight: ValueSpec, attrs: dict[str, Any], device: torch.device
) -> kernels.Convolution:
    """A convolution of the wire as `kernels.explain_conv2d` wants it."""
    images, channels, height, width = x.shape
    return kernels.Convolution(
        device_type=device.type,
        dtype=DTYPES[x.dtype],
        images=images,
        height=height,
        width=width,
        channels=channels,
        results=weight.shape[0],
        window=(weight.shape[2], weight.shape[3]),
        stride=_pair(attrs['stride']),
        padding=_pair(attrs['padding']),
        dilation=_pair(attrs.get('dilation', 1)),
        groups=attrs.get('groups', 1),
    )


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def use_kernels(graph: fx.Graph, device: torch.device) -> None:
    """Rewrites the convolutions of `graph` that the compiled kernels serve."""
    for node in list(graph.find_nodes(op='call_function', target=torch.conv2d)):
        arguments: Any = node.args
        x, weight, bias, stride, padding = arguments
        of_x, of_weight = x.meta.get(VALUE), weight.meta.get(VALUE)
        if of_x is None or of_weight is None:
            continue
        call = described(of_x, of_weight, {'stride': stride, 'padding': padding, **node.kwargs}, device)
        if kernels.explain_conv2d(call).implementation != 'cpu':
            continue
        before = x if _is(x, torch.relu) and set(x.users) == {node} else None
        sum_, residual = _addition(node)
        last = sum_ or node
        with graph.inserting_before(last):
            source = x if before is None else before.args[0]
            made = graph.call_function(convolution, (source, weight, bias, residual, before is not None))
        made.meta.update(node.meta)
        last.replace_all_uses_with(made)
        for former in (sum_, node, before):
            if former is not None:
                graph.erase_node(former)


def _is(node: Any, target: Any) -> bool:
    return (
        isinstance(node, fx.Node) and node.op == 'call_function' and node.target is target and not node.kwargs
    )


def _addition(node: fx.Node) -> tuple[fx.Node | None, fx.Node | None]:
    """The sum of this node and another of equal shape and dtype, if nobody else reads this one: the sum, the other."""
    (user, *more) = node.users
    if more or not _is(user, torch.add) or len(user.args) != 2 or node.meta.get(VALUE) is None:
        return None, None
    others = [given for given in user.args if given is not node]
    if len(others) != 1 or not isinstance(others[0], fx.Node):
        return None, None
    other = others[0]
    return (
        (user, other) if other.meta.get(VALUE) == node.meta[VALUE] == user.meta.get(VALUE) else (None, None)
    )
