"""What torch must know of the three compiled ops: fake outputs (graphs, compile) and autograd.

conv2d::forward_cpu(x, weight, bias, residual, relu) -> y
conv2d::input_cpu(dy, weight, mask) -> dx, zero where the mask is not positive
conv2d::weight_cpu(x, dy, relu) -> (dweight, dbias)

Every gradient of one is made of the others, so that any number of derivatives exists.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# One gradient for each input of an op.
Gradients = tuple[Tensor | None, ...]


def register_fakes() -> None:
    """Gives the ops their output shapes: images and weights with their channels together."""
    torch.library.register_fake('conv2d::forward_cpu', forward_shape)
    torch.library.register_fake('conv2d::input_cpu', input_shape)
    torch.library.register_fake('conv2d::weight_cpu', weight_shape)


def forward_shape(
    x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None, relu: bool
) -> Tensor:
    return _images(x, (x.shape[0], weight.shape[0], *x.shape[2:]))


def input_shape(dy: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
    return _images(dy, (dy.shape[0], weight.shape[1], *dy.shape[2:]))


def weight_shape(x: Tensor, dy: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    return _images(x, (dy.shape[1], x.shape[1], 3, 3)), x.new_empty((dy.shape[1],))


def _images(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def register_autograd() -> None:
    """Makes the three ops differentiable."""
    for name, backward, setup in (
        ('forward', _forward_backward, _save_forward),
        ('input', _input_backward, _save_input),
        ('weight', _weight_backward, _save_weight),
    ):
        torch.library.register_autograd(f'conv2d::{name}_cpu', backward, setup_context=setup)


def _save_forward(ctx: Any, inputs: Any, output: Any) -> None:
    x, weight, _, _, ctx.relu = inputs
    ctx.save_for_backward(x, weight)


def _forward_backward(ctx: Any, dy: Tensor) -> Gradients:
    x, weight = ctx.saved_tensors
    of_x, of_weight, of_bias, of_residual, _ = ctx.needs_input_grad
    dx = torch.ops.conv2d.input_cpu.default(dy, weight, x if ctx.relu else None) if of_x else None
    dweight = dbias = None
    if of_weight or of_bias:
        dweight, dbias = torch.ops.conv2d.weight_cpu.default(x, dy, ctx.relu)
    return dx, dweight if of_weight else None, dbias if of_bias else None, dy if of_residual else None, None


def _save_input(ctx: Any, inputs: Any, output: Any) -> None:
    dy, weight, mask = inputs
    ctx.save_for_backward(dy, weight, mask)


def _input_backward(ctx: Any, ddx: Tensor) -> Gradients:
    dy, weight, mask = ctx.saved_tensors
    of_dy, of_weight, _ = ctx.needs_input_grad
    if mask is not None:
        ddx = torch.where(mask <= 0, 0, ddx)
    ddy = torch.ops.conv2d.forward_cpu.default(ddx, weight, None, None, False) if of_dy else None
    dweight = torch.ops.conv2d.weight_cpu.default(ddx, dy, False)[0] if of_weight else None
    return ddy, dweight, None


def _save_weight(ctx: Any, inputs: Any, output: Any) -> None:
    x, dy, ctx.relu = inputs
    ctx.save_for_backward(x, dy)


def _weight_backward(ctx: Any, ddweight: Tensor, ddbias: Tensor) -> Gradients:
    x, dy = ctx.saved_tensors
    of_x, of_dy, _ = ctx.needs_input_grad
    dx = torch.ops.conv2d.input_cpu.default(dy, ddweight, x if ctx.relu else None) if of_x else None
    ddy = torch.ops.conv2d.forward_cpu.default(x, ddweight, ddbias, None, ctx.relu) if of_dy else None
    return dx, ddy, None
