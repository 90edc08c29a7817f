"""The ops delta_rule::forward_triton and delta_rule::backward_triton. Importing this imports no Triton."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .registration import register_autograd, register_fakes
from .step_arguments import check_step, check_step_devices

torch.library.define(
    'delta_rule::forward_triton',
    '(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor? fast_weights, Tensor? is_first, Tensor? cu_seqlens, '
    'bool step, bool save) -> (Tensor, Tensor, Tensor)',
)
torch.library.define(
    'delta_rule::backward_triton',
    '(Tensor? do, Tensor? dend, Tensor q, Tensor k, Tensor v, Tensor beta, Tensor? fast_weights, Tensor? is_first, '
    'Tensor? cu_seqlens, Tensor saved, bool step, bool state_gradient) '
    '-> (Tensor, Tensor, Tensor, Tensor, Tensor)',
)
torch.library.define(
    'delta_rule::step_triton_',
    '(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor(a!) fast_weights, Tensor? is_first, Tensor(b!) out) -> ()',
)


@torch.library.impl('delta_rule::forward_triton', ('cuda', 'cpu'))
def forward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    from .triton_launch import forward

    return forward(*arguments)


@torch.library.impl('delta_rule::backward_triton', ('cuda', 'cpu'))
def backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    from .triton_launch import backward

    return backward(*arguments)


@torch.library.impl('delta_rule::step_triton_', ('cuda', 'cpu'))
def step_(*arguments: Any) -> None:
    from .triton_launch import step_

    check_step(*arguments)
    step_(*arguments)


def saved_shape(k: Tensor, v: Tensor) -> tuple[int, ...]:
    """Returns [T,B,H,V]: the difference v - k W of each step is kept."""
    return tuple(v.shape)


torch.library.register_fake('delta_rule::step_triton_', check_step_devices)
register_fakes('triton', saved_shape)
register_autograd('triton', twice=False)
