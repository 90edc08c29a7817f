"""What torch must know of the compiled convolution of bfloat16 that is pooled at once: fake outputs and autograd.

conv2d::pooled_cpu(x, weight, bias) -> (y, tap)
    y = max_pool2d(conv2d(x, weight, bias, padding=1), 3, stride=2, padding=1), tap as max_pool2d::forward_cpu has it
conv2d::pooled_gradient_cpu(dy, tap, x, weight, of_x) -> (dx, dweight, dbias); dx is empty unless asked for
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Gradients = tuple[Tensor | None, ...]
# The fewest channels of x whose gradient the op makes itself.
LANES = 16


def register_pooled() -> None:
    """Gives the two ops their output shapes, and makes the first one differentiable any number of times."""
    torch.library.register_fake('conv2d::pooled_cpu', pooled_shape)
    torch.library.register_fake('conv2d::pooled_gradient_cpu', gradient_shape)
    torch.library.register_autograd('conv2d::pooled_cpu', _backward, setup_context=_save)


def pooled_shape(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    shape = (x.shape[0], weight.shape[0], (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2)
    return _images(x, shape, x.dtype), _images(x, shape, torch.uint8)


def gradient_shape(
    dy: Tensor, tap: Tensor, x: Tensor, weight: Tensor, of_x: bool
) -> tuple[Tensor, Tensor, Tensor]:
    dx = _images(x, x.shape, x.dtype) if of_x else x.new_empty((0,))
    return dx, _images(x, weight.shape, x.dtype), x.new_empty((weight.shape[0],))


def _images(like: Tensor, shape: Any, dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=torch.channels_last)


def _save(ctx: Any, inputs: Any, output: Any) -> None:
    x, weight, _ = inputs
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, weight, output[1])


def _backward(ctx: Any, dy: Tensor | None, _: Any) -> Gradients:
    if dy is None:
        return None, None, None
    x, weight, tap = ctx.saved_tensors
    of_x = ctx.needs_input_grad[0]
    ours = not torch.is_grad_enabled()
    few = x.shape[1] < LANES
    found: list[Tensor | None] = [None, None, None]
    if ours:
        dx, *found[1:] = torch.ops.conv2d.pooled_gradient_cpu.default(dy, tap, x, weight, of_x and not few)
        found[0] = dx if of_x and not few else None
    if not ours or (of_x and few):
        # Gradients that are to be differentiated again are made of ops that are.
        larger = torch.ops.max_pool2d.spread_cpu.default(dy, tap, *x.shape[2:])
        wanted = [of_x, False, False] if ours else ctx.needs_input_grad
        sizes = [weight.shape[0]], [1, 1], [1, 1], [1, 1], False, [0, 0], 1
        of_torch = torch.ops.aten.convolution_backward.default(larger, x, weight, *sizes, wanted)
        found = [new if asked else old for new, old, asked in zip(of_torch, found, wanted, strict=True)]
    return tuple(
        gradient if asked else None for gradient, asked in zip(found, ctx.needs_input_grad, strict=True)
    )
