"""What torch must know of the three compiled ops: fake outputs (graphs, compile) and autograd.

max_pool2d::forward_cpu(x) -> (y, tap): the largest of each window, and its place 3 a + b in the window
max_pool2d::pick_cpu(x, tap) -> y: what x has at those places
max_pool2d::spread_cpu(dy, tap, height, width) -> dx: each place's sum of what was taken from it

The last two are each other's gradients, so that any number of derivatives exists.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def register_fakes() -> None:
    """Gives the ops their output shapes: images with their channels together."""
    torch.library.register_fake('max_pool2d::forward_cpu', forward_shape)
    torch.library.register_fake('max_pool2d::pick_cpu', pick_shape)
    torch.library.register_fake('max_pool2d::spread_cpu', spread_shape)


def forward_shape(x: Tensor) -> tuple[Tensor, Tensor]:
    return _halved(x, x.dtype), _halved(x, torch.uint8)


def pick_shape(x: Tensor, tap: Tensor) -> Tensor:
    return _halved(x, x.dtype)


def spread_shape(dy: Tensor, tap: Tensor, height: int, width: int) -> Tensor:
    return _images(dy, (*dy.shape[:2], height, width), dy.dtype)


def _halved(x: Tensor, dtype: torch.dtype) -> Tensor:
    return _images(x, (*x.shape[:2], (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2), dtype)


def _images(like: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=torch.channels_last)


def register_autograd() -> None:
    """Makes the three ops differentiable."""
    for name, backward, setup in (
        ('forward', _forward_backward, _save_forward),
        ('pick', _pick_backward, _save_pick),
        ('spread', _spread_backward, _save_spread),
    ):
        torch.library.register_autograd(f'max_pool2d::{name}_cpu', backward, setup_context=setup)


def _save_forward(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.size = inputs[0].shape[2:]
    # Else torch fills a gradient of the places with zeros at every call.
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _forward_backward(ctx: Any, dy: Tensor | None, _: Any) -> Tensor | None:
    if dy is None:
        return None
    (tap,) = ctx.saved_tensors
    return torch.ops.max_pool2d.spread_cpu.default(dy, tap, *ctx.size)


def _save_pick(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.size = inputs[0].shape[2:]
    ctx.save_for_backward(inputs[1])


def _pick_backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
    (tap,) = ctx.saved_tensors
    return torch.ops.max_pool2d.spread_cpu.default(dy, tap, *ctx.size), None


def _save_spread(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(inputs[1])


def _spread_backward(ctx: Any, ddx: Tensor) -> tuple[Tensor, None, None, None]:
    (tap,) = ctx.saved_tensors
    return torch.ops.max_pool2d.pick_cpu.default(ddx, tap), None, None, None
