"""Launches Triton kernels: on the current stream of the tensors' device, with any strides, in static settings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .triton_sum import sum_kernel

SUM_BLOCK = 256


def lanes() -> int:
    """Returns the lanes of a warp of this machine's devices."""
    return 32 if torch.version.hip is None else 64


def launch(kernel: Any, programs: int, *arguments: object, **constants: object) -> None:
    """Runs a kernel on the current stream of the current device."""
    kernel[(programs,)](*arguments, **constants)


def sum_sequences(partial: Tensor) -> Tensor:
    """Returns partial [N,...] summed over N in order."""
    total = partial.new_empty(partial.shape[1:])
    if total.numel() > 0:
        blocks = -(-total.numel() // SUM_BLOCK)
        launch(sum_kernel, blocks, partial, total, len(partial), total.numel(), BLOCK=SUM_BLOCK, num_warps=4)
    return total


def dense_rows(tensor: Tensor) -> Tensor:
    """Copies only where the last dimension is not dense; every other one may have any stride."""
    return tensor if tensor.shape[-1] == 1 or tensor.stride(-1) == 1 else tensor.contiguous()


def maybe(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else dense_rows(tensor)


def flags(is_first: Tensor | None) -> Tensor | None:
    return None if is_first is None else is_first.view(torch.uint8)


def strides(tensor: Tensor | None, count: int) -> tuple[int, ...]:
    """Returns the first strides of a tensor, zeros where there is none."""
    return (0,) * count if tensor is None else tensor.stride()[:count]


def padded(dim: int) -> int:
    """Returns the power of two, at least 4, that a dimension's tile has."""
    return max(4, 1 << (dim - 1).bit_length())


def blocks(across: int, along: int, elements: int) -> tuple[int, int]:
    """Returns (size of a block, blocks) that cut one dimension, `along`, of a matrix whose other is kept whole.

    A block's tile has so many elements at most.
    """
    block = min(padded(along), max(1, elements // padded(across)))
    return block, -(-along // block)
