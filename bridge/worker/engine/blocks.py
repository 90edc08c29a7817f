"""What the compiled kernels make of several convolutions and poolings of bfloat16 in one call.

A residual block, `x + conv(relu(conv(relu(x))))`, and a convolution whose result is only pooled: what lies between
stays in the processor's caches. Chosen when a module is built, of calls that `convolutions` and `poolings` have made,
and of torch's convolutions of images with few channels, which the kernels serve only with the pooling behind them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from srwm import kernels
from srwm.worker.engine.calls import VALUE
from srwm.worker.engine.convolutions import convolution, described
from srwm.worker.engine.poolings import pooling

Bias = Tensor | None


def residual_block(x: Tensor, weight0: Tensor, bias0: Bias, weight1: Tensor, bias1: Bias) -> Tensor:
    """x + conv(relu(conv(relu(x)))), each with stride 1 and padding 1."""
    # A held graph may itself be traced for many steps at once, which the compiled op is not made for.
    if torch._C._are_functorch_transforms_active():
        return convolution(convolution(x, weight0, bias0, None, True), weight1, bias1, x, True)
    given = (x, weight0, bias0, weight1, bias1)
    # Without gradients nobody will ask for what lies between.
    keep = torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in given)
    return torch.ops.conv2d.block_cpu.default(*given, keep)[0]


def pooled_convolution(x: Tensor, weight: Tensor, bias: Bias) -> Tensor:
    """A convolution with stride 1 and padding 1, then the largest of each window of 3x3 with stride 2 and padding 1."""
    if torch._C._are_functorch_transforms_active():
        return torch.max_pool2d(torch.conv2d(x, weight, bias, 1, 1), 3, 2, 1)
    return torch.ops.conv2d.pooled_cpu.default(x, weight, bias)[0]


def use_blocks(graph: fx.Graph, device: torch.device) -> None:
    """Rewrites what the compiled kernels can make in one call."""
    for node in list(graph.find_nodes(op='call_function', target=convolution)):
        _use_block(graph, node)
    for node in list(graph.find_nodes(op='call_function', target=pooling)):
        _use_pooled(graph, node, device)


def _use_block(graph: fx.Graph, last: fx.Node) -> None:
    arguments: Any = last.args
    first, weight1, bias1, residual, relu_input = arguments
    if not relu_input or residual is None or first.target is not convolution or set(first.users) != {last}:
        return
    x, weight0, bias0, before, relu_first = first.args
    of_x = x.meta.get(VALUE)
    if x is not residual or before is not None or not relu_first or of_x is None or of_x.dtype != 'bfloat16':
        return
    if first.meta.get(VALUE) != of_x:
        return
    _replace(graph, last, residual_block, (x, weight0, bias0, weight1, bias1))
    graph.erase_node(first)


def _use_pooled(graph: fx.Graph, node: fx.Node, device: torch.device) -> None:
    first = node.args[0]
    if not isinstance(first, fx.Node) or set(first.users) != {node}:
        return
    arguments: Any = first.args
    if first.target is convolution:
        x, weight, bias, residual, relu_input = arguments
        settings: dict[str, Any] = {'stride': 1, 'padding': 1}
        if residual is not None or relu_input:
            return
    elif first.target is torch.conv2d:
        x, weight, bias, stride, padding = arguments
        settings = {'stride': stride, 'padding': padding, **first.kwargs}
    else:
        return
    of_x, of_weight = x.meta.get(VALUE), weight.meta.get(VALUE)
    if of_x is None or of_weight is None:
        return
    if kernels.pools_at_once(described(of_x, of_weight, settings, device)):
        _replace(graph, node, pooled_convolution, (x, weight, bias))
        graph.erase_node(first)


def _replace(graph: fx.Graph, node: fx.Node, target: Any, args: tuple[Any, ...]) -> None:
    with graph.inserting_before(node):
        made = graph.call_function(target, args)
    made.meta.update(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)
