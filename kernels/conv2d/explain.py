"""Chooses what serves a convolution, by its sizes and where it runs, and says why."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch

from ..cpu_library import instruction_set, load
from ..dispatch import Explanation
from ..errors import KernelError
from .block import register_block
from .pooled import register_pooled
from .registration import register_autograd, register_fakes

IMPLEMENTATIONS = ('auto', 'cpu', 'torch')
DTYPES = (torch.float32, torch.bfloat16)
# Channels that a vector register holds.
LANES = 16
# Channels whose whole window fits into one row of a tile.
FEW = (1, 2, 3)
# Numbers of an image that the second-level cache holds with what is made of it on the way.
LARGEST = 1 << 16
# Instruction sets that were timed against torch's convolutions.
MEASURED = ('avx2', 'avx512')


class Convolution(NamedTuple):
    """What the choice may ask of a call; no tensor among it. Sizes as torch.nn.functional.conv2d has them."""

    device_type: str
    dtype: torch.dtype
    images: int
    height: int
    width: int
    channels: int
    """Of x."""
    results: int
    """Channels of the result."""
    window: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@functools.cache
def _register() -> None:
    register_fakes()
    register_autograd()
    register_block()
    register_pooled()


@torch.compiler.assume_constant_result
def missing() -> str:
    """Returns why the compiled ops are missing, or an empty string; a constant to torch.compile."""
    why = load()
    if why is not None:
        return why
    _register()
    return ''


def refusal(call: Convolution) -> str:
    """Returns why the compiled ops cannot serve a call, or an empty string."""
    if call.device_type != 'cpu':
        return f'it runs on cpu tensors, got {call.device_type}'
    if call.dtype not in DTYPES:
        return f'it computes in float32 or bfloat16, got {str(call.dtype).removeprefix("torch.")}'
    if not _near(call):
        return (
            'its window is 3x3 with stride 1, padding 1, dilation 1, groups 1, got '
            f'{"x".join(map(str, call.window))} with stride {_size(call.stride)}, padding {_size(call.padding)}, '
            f'dilation {_size(call.dilation)}, groups {call.groups}'
        )
    if call.channels % LANES or call.results % LANES or not call.channels or not call.results:
        return f'its channels are multiples of {LANES}, got {call.channels} to {call.results}'
    why = missing()
    if not why and call.dtype == torch.bfloat16 and not has_tiles():
        return 'it multiplies bfloat16 in tiles (AMX), which this processor does not have or this system not allow'
    return why


def _near(call: Convolution) -> bool:
    shape = (call.window, call.stride, call.padding, call.dilation, call.groups)
    return shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1)


def pools_at_once(call: Convolution) -> bool:
    """Returns whether the compiled ops make a convolution and the max-pooling (3x3, stride 2, padding 1) of its result
    in one: bfloat16 in tiles, of images that may also have one to three channels.
    """
    if call.device_type != 'cpu' or call.dtype != torch.bfloat16 or not _near(call):
        return False
    fits = call.channels in FEW or (call.channels > 0 and call.channels % LANES == 0)
    fits = fits and call.results > 0 and call.results % LANES == 0 and call.height > 0 and call.width > 0
    return fits and has_tiles()


@torch.compiler.assume_constant_result
def has_tiles() -> bool:
    """Returns whether the compiled ops can serve bfloat16 here."""
    return not missing() and torch.ops.conv2d.cpu_has_tiles()


@torch.compiler.assume_constant_result
def _instruction_set() -> str:
    return instruction_set()


def reluctance(call: Convolution) -> str:
    """Returns why `auto` passes the compiled ops over although they would serve, or an empty string."""
    if call.dtype == torch.bfloat16:
        numbers = max(call.channels, call.results) * call.height * call.width
        return (
            ''
            if numbers <= LARGEST
            else f'bfloat16 was found faster with at most {LARGEST:,} numbers an image, got {numbers:,}'
        )
    here = _instruction_set()
    return (
        ''
        if here in MEASURED
        else f'it was found faster with {" and ".join(MEASURED)}, this processor has {here}'
    )


def _size(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f'{pair[0]}x{pair[1]}'


def describe_conv2d(dtype: torch.dtype) -> str:
    """Says what runs: `explain_conv2d` quotes it."""
    if dtype == torch.bfloat16:
        return 'sums over the window in tiles (bfloat16: amx)'
    return f"Winograd's form F(2x2, 3x3), compiled for this processor (float32: {_instruction_set()})"


def choose(call: Convolution, implementation: str) -> tuple[str, str]:
    """Returns what serves, and why not "cpu" (or ''); raises KERNEL_UNSUPPORTED where the one asked for cannot."""
    if implementation not in IMPLEMENTATIONS:
        raise KernelError(
            'KERNEL_UNSUPPORTED',
            f'conv2d: implementation must be one of {list(IMPLEMENTATIONS)}, got {implementation!r}.',
        )
    why = refusal(call) or (reluctance(call) if implementation == 'auto' else '')
    if implementation == 'cpu' and why:
        raise KernelError(
            'KERNEL_UNSUPPORTED',
            f'conv2d: implementation "cpu" cannot serve this call: {why}.',
            'This can: torch; or pass "auto".',
        )
    return 'torch' if why or implementation == 'torch' else 'cpu', why


def explain_conv2d(call: Convolution, implementation: str = 'auto') -> Explanation:
    """Returns which implementation serves a convolution ("cpu" or "torch"), and why. Runs nothing.

    Raises KernelError KERNEL_UNSUPPORTED where the one asked for by name cannot serve.
    """
    chosen, why = choose(call, implementation)
    what = describe_conv2d(call.dtype) if chosen == 'cpu' else "torch's own convolution"
    if implementation != 'auto':
        reason = f'asked for by name: {what}'
    else:
        reason = f'{what}; not cpu: {why}' if why else what
    refused = {'cpu': why} if why else {}
    return Explanation(op='conv2d', implementation=chosen, reason=reason, refused=refused)
