"""The compiled ops srwm::forward_cpu and srwm::backward_cpu."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..cpu_library import instruction_set, load
from ..dispatch import Call
from .registration import register_autograd, register_fakes
from .step_arguments import check_step_devices

STEP = torch.library.Library('srwm', 'FRAGMENT')


@functools.cache
def register() -> None:
    """Tells torch about the loaded ops, which it accepts once a process."""
    register_fakes('cpu', saved_shape)
    register_autograd('cpu', None)
    torch.library.register_fake('srwm::step_cpu_', check_step_devices)
    # One call an env step: without this each would pass through a fallback that looks for gradients.
    STEP.impl('step_cpu_', torch.library.fallthrough_kernel, 'Autograd')


@torch.compiler.assume_constant_result
def missing() -> str:
    """Returns why the compiled ops are missing, or an empty string; a constant to torch.compile."""
    why = load()
    if why is None:
        register()
    return why or ''


def refusal(call: Call) -> str:
    """Returns why the compiled ops cannot serve a call, or an empty string."""
    return missing() if call.device_type == 'cpu' else f'it runs on cpu tensors, got {call.device_type}'


def describe() -> str:
    """Says what runs: `explain` quotes it."""
    return f'compiled kernels for this processor (float32: {instruction_set()})'


def saved_shape(x: Tensor, y_dim: int, step: bool, states: int) -> tuple[int, ...]:
    """Returns [B,H,T,width]: one chain's steps lie together; parts are padded to sixteen lanes, beta lies in a pad."""
    time, batch, heads, head_dim = x.shape
    head, y = -(-head_dim // 16) * 16, -(-y_dim // 16) * 16
    return batch, heads, time, head + y if step else 4 * head + y + 16
