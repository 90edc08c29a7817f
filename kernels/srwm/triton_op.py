"""The ops srwm::forward_triton and srwm::backward_triton. Importing this imports no Triton."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .registration import register_autograd, register_fakes
from .step_arguments import check_step, check_step_devices

torch.library.define(
    'srwm::forward_triton',
    '(Tensor x, Tensor w, Tensor? fast_weight_delta, Tensor? is_first, Tensor? cu_seqlens, bool input_softmax, '
    'bool step, bool save, int checkpoint_every) -> (Tensor, Tensor, Tensor)',
)
torch.library.define(
    'srwm::backward_triton',
    '(Tensor? dy, Tensor? ddelta_out, Tensor x, Tensor w, Tensor? fast_weight_delta, Tensor delta_out, '
    'Tensor? is_first, Tensor? cu_seqlens, Tensor saved, bool input_softmax, bool step, bool delta_gradient, '
    'int checkpoint_every) -> (Tensor, Tensor, Tensor)',
)
torch.library.define(
    'srwm::step_triton_',
    '(Tensor x, Tensor w, Tensor(a!) fast_weight_delta, Tensor? is_first, bool input_softmax, Tensor(b!) out) -> ()',
)


@torch.library.impl('srwm::forward_triton', ('cuda', 'cpu'))
def forward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    from .triton_launch import forward

    return forward(*arguments)


@torch.library.impl('srwm::backward_triton', ('cuda', 'cpu'))
def backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    from .triton_launch import backward

    return backward(*arguments)


@torch.library.impl('srwm::step_triton_', ('cuda', 'cpu'))
def step_(*arguments: Any) -> None:
    from .triton_launch import step_

    check_step(*arguments)
    step_(*arguments)


def saved_shape(x: Tensor, y_dim: int, step: bool, states: int) -> tuple[int, ...]:
    """Returns [B,H,T,width] of what is kept a step: one chain's steps lie together."""
    time, batch, heads, head_dim = x.shape
    return batch, heads, time, head_dim + y_dim if step else 4 * head_dim + y_dim + 8


torch.library.register_fake('srwm::step_triton_', check_step_devices)
register_fakes('triton', saved_shape)
register_autograd('triton', None)
