"""Chooses what serves a pooling, by its sizes and where it runs, and says why."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch

from ..cpu_library import instruction_set, load
from ..dispatch import Explanation
from ..errors import KernelError
from .registration import register_autograd, register_fakes

IMPLEMENTATIONS = ('auto', 'cpu', 'torch')
DTYPES = (torch.float32, torch.bfloat16)
# Channels of one step.
LANES = 16
# Instruction sets that were timed against torch's pooling.
MEASURED = ('avx512',)


class Pooling(NamedTuple):
    """What the choice may ask of a call; no tensor among it. Sizes as torch.nn.functional.max_pool2d has them."""

    device_type: str
    dtype: torch.dtype
    channels: int
    height: int
    width: int
    window: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (1, 1)


@functools.cache
def _register() -> None:
    register_fakes()
    register_autograd()


@torch.compiler.assume_constant_result
def missing() -> str:
    """Returns why the compiled ops are missing, or an empty string; a constant to torch.compile."""
    why = load()
    if why is not None:
        return why
    _register()
    return ''


def refusal(call: Pooling) -> str:
    """Returns why the compiled ops cannot serve a call, or an empty string."""
    if call.device_type != 'cpu':
        return f'it runs on cpu tensors, got {call.device_type}'
    if call.dtype not in DTYPES:
        return f'it computes in float32 or bfloat16, got {str(call.dtype).removeprefix("torch.")}'
    if (call.window, call.stride, call.padding) != ((3, 3), (2, 2), (1, 1)):
        window, stride, padding = (
            'x'.join(map(str, pair)) for pair in (call.window, call.stride, call.padding)
        )
        return f'its window is 3x3 with stride 2, padding 1, got {window} with stride {stride}, padding {padding}'
    if call.channels % LANES or not call.channels:
        return f'its channels are multiples of {LANES}, got {call.channels}'
    if not call.height or not call.width:
        return 'its images have pixels'
    return missing()


@torch.compiler.assume_constant_result
def _instruction_set() -> str:
    return instruction_set()


def reluctance(call: Pooling) -> str:
    """Returns why `auto` passes the compiled ops over although they would serve, or an empty string."""
    here = _instruction_set()
    if here in MEASURED:
        return ''
    return f'it was found faster with {" and ".join(MEASURED)}, this processor has {here}'


def choose(call: Pooling, implementation: str) -> tuple[str, str]:
    """Returns what serves, and why not "cpu" (or ''); raises KERNEL_UNSUPPORTED where the one asked for cannot."""
    if implementation not in IMPLEMENTATIONS:
        raise KernelError(
            'KERNEL_UNSUPPORTED',
            f'max_pool2d: implementation must be one of {list(IMPLEMENTATIONS)}, got {implementation!r}.',
        )
    why = refusal(call) or (reluctance(call) if implementation == 'auto' else '')
    if implementation == 'cpu' and why:
        raise KernelError(
            'KERNEL_UNSUPPORTED',
            f'max_pool2d: implementation "cpu" cannot serve this call: {why}.',
            'This can: torch; or pass "auto".',
        )
    return 'torch' if why or implementation == 'torch' else 'cpu', why


def explain_max_pool2d(call: Pooling, implementation: str = 'auto') -> Explanation:
    """Returns which implementation serves a pooling ("cpu" or "torch"), and why. Runs nothing.

    Raises KernelError KERNEL_UNSUPPORTED where the one asked for by name cannot serve.
    """
    chosen, why = choose(call, implementation)
    what = (
        f'sixteen channels a step, compiled for this processor ({_instruction_set()})'
        if chosen == 'cpu'
        else "torch's own pooling"
    )
    if implementation != 'auto':
        reason = f'asked for by name: {what}'
    else:
        reason = f'{what}; not cpu: {why}' if why else what
    return Explanation(
        op='max_pool2d', implementation=chosen, reason=reason, refused={'cpu': why} if why else {}
    )
