"""`max_pool2d`, the public function: checks, chooses an implementation, calls its op."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_tensors, wrong
from .explain import Pooling, choose

Pair = int | tuple[int, int]


def max_pool2d(
    x: Tensor, kernel_size: Pair, stride: Pair, padding: Pair = 0, *, implementation: str = 'auto'
) -> Tensor:
    """Returns torch.nn.functional.max_pool2d of the same arguments, bit for bit, faster where the kernel serves.

    x [N,C,H,W]. implementation "cpu" is for windows of 3x3 with stride 2 and padding 1, channels in multiples of 16,
    float32 and bfloat16 on a CPU; its result has its channels together in memory (channels_last), and x is read
    without a copy if it has too. "torch" is torch's; "auto" takes the first that serves and is known to be fast, by
    sizes alone. Differentiable any number of times; sums of gradients are float32, also of bfloat16.
    Raises KernelError KERNEL_ARGUMENT or KERNEL_UNSUPPORTED.
    """
    check_tensors('max_pool2d', {'x': x})
    if x.dim() != 4:
        raise wrong('max_pool2d', 'x', 'have 4 dimensions', f'{x.dim()}')
    places = {'kernel_size': (kernel_size, 1), 'stride': (stride, 1), 'padding': (padding, 0)}
    window, steps, around = (_pair(label, value, least) for label, (value, least) in places.items())
    call = Pooling(
        device_type=x.device.type,
        dtype=x.dtype,
        channels=x.shape[1],
        height=x.shape[2],
        width=x.shape[3],
        window=window,
        stride=steps,
        padding=around,
    )
    if choose(call, implementation)[0] == 'cpu':
        return torch.ops.max_pool2d.forward_cpu.default(x)[0]
    return F.max_pool2d(x, window, steps, around)


def _pair(label: str, value: Pair, least: int) -> tuple[int, int]:
    pair = (value, value) if type(value) is int else value
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or any(type(n) is not int or n < least for n in pair)
    ):
        raise wrong('max_pool2d', label, f'be a whole number of at least {least}, or two', repr(value))
    return pair[0], pair[1]
