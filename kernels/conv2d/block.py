"""What torch must know of the compiled residual block of bfloat16: fake outputs and autograd.

conv2d::block_cpu(x, weight0, bias0, weight1, bias1, keep) -> (y, inner)
    inner = relu(conv(relu(x), weight0) + bias0), y = x + conv(inner, weight1) + bias1; inner is empty unless kept
conv2d::block_gradient_cpu(dy, x, inner, weight0, weight1) -> (dx, dweight0, dbias0, dweight1, dbias1)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Gradients = tuple[Tensor | None, ...]


def register_block() -> None:
    """Gives the two ops their output shapes, and makes the first one differentiable any number of times."""
    torch.library.register_fake('conv2d::block_cpu', block_shape)
    torch.library.register_fake('conv2d::block_gradient_cpu', gradient_shape)
    torch.library.register_autograd('conv2d::block_cpu', _backward, setup_context=_save)


def block_shape(
    x: Tensor, weight0: Tensor, bias0: Tensor | None, weight1: Tensor, bias1: Tensor | None, keep: bool
) -> tuple[Tensor, Tensor]:
    return _images(x), _images(x) if keep else x.new_empty((0,))


def gradient_shape(
    dy: Tensor, x: Tensor, inner: Tensor, weight0: Tensor, weight1: Tensor
) -> tuple[Tensor, ...]:
    bias = x.shape[1]
    return (
        _images(x),
        _images(weight0),
        x.new_empty((bias,)),
        _images(weight1),
        x.new_empty((bias,)),
    )


def _images(like: Tensor) -> Tensor:
    return torch.empty_like(like, memory_format=torch.channels_last)


def _save(ctx: Any, inputs: Any, output: Any) -> None:
    x, weight0, bias0, weight1, _, keep = inputs
    if not keep:
        ctx.mark_non_differentiable(*output)
        return
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, weight0, bias0, weight1, output[1])


def _backward(ctx: Any, dy: Tensor | None, _: Any) -> Gradients:
    if dy is None:
        return (None,) * 6
    x, weight0, bias0, weight1, inner = ctx.saved_tensors
    ops = torch.ops.conv2d
    if torch.is_grad_enabled():
        # Of gradients that are to be differentiated again: made of ops that are, from an inner result that is.
        inner = ops.forward_cpu.default(x, weight0, bias0, None, True)
        dinner = ops.input_cpu.default(dy, weight1, inner)
        dweight1, dbias1 = ops.weight_cpu.default(inner, dy, True)
        dweight0, dbias0 = ops.weight_cpu.default(x, dinner, True)
        dx = ops.input_cpu.default(dinner, weight0, x) + dy
    else:
        dx, dweight0, dbias0, dweight1, dbias1 = ops.block_gradient_cpu.default(
            dy, x, inner, weight0, weight1
        )
    found = (dx, dweight0, dbias0, dweight1, dbias1)
    of = ctx.needs_input_grad
    return (*(gradient if wanted else None for gradient, wanted in zip(found, of, strict=False)), None)
