"""How many runs of a recurrence a call holds, which steps and states belong to each, and in what precision."""

from __future__ import annotations

import itertools
from typing import TypeVar

import torch
from torch import Tensor

from .checks import HALF_DTYPES


def sequences(x: Tensor, cu_seqlens: Tensor | None) -> int:
    """Returns N, the number of states of x [T,B,...]: B, or the number of packed sequences."""
    return x.shape[1] if cu_seqlens is None else cu_seqlens.shape[0] - 1


def spans(cu_seqlens: Tensor | None) -> list[tuple[slice, slice]]:
    """Returns (steps, rows of the state) of every run of the recurrence: one, or one a packed sequence."""
    if cu_seqlens is None:
        return [(slice(None), slice(None))]
    ends = cu_seqlens.tolist()
    return [(slice(a, b), slice(n, n + 1)) for n, (a, b) in enumerate(itertools.pairwise(ends))]


def part(tensor: Tensor | None, index: slice) -> Tensor | None:
    """Returns tensor[index], or None for None."""
    return None if tensor is None else tensor[index]


def one_for_each(state: Tensor | None, x: Tensor, cu_seqlens: Tensor | None) -> Tensor | None:
    """Returns state [N,H,...], expanded without a copy where one [H,...] or [1,H,...] serves every sequence."""
    count = sequences(x, cu_seqlens)
    if state is None or (state.dim() == 4 and state.shape[0] == count):
        return state
    return state.expand(count, *state.shape[-3:])


AnyTensor = TypeVar('AnyTensor', Tensor, Tensor | None)


def full_precision(tensor: AnyTensor) -> AnyTensor:
    """Returns a tensor that autocast left in half precision as float32, any other as it is."""
    if not isinstance(tensor, Tensor) or tensor.dtype not in HALF_DTYPES or not under_autocast(tensor):
        return tensor
    return tensor.float()


def under_autocast(tensor: Tensor) -> bool:
    device = tensor.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
