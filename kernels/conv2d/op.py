"""`conv2d`, the public function: checks, chooses an implementation, calls its op."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_devices, check_tensors, dtype_name, shape, wrong
from .explain import Convolution, choose

Pair = int | tuple[int, int]


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    relu_input: bool = False,
    residual: Tensor | None = None,
    implementation: str = 'auto',
) -> Tensor:
    """Returns torch.nn.functional.conv2d of the same arguments, faster where the kernels have the sizes.

    x [N,C,H,W], weight [K,C/groups,R,S], bias [K]. `relu_input`: of relu(x), which is never stored. `residual`, of the
    result's shape, is added to the result. implementation "cpu" is for windows of 3x3 with stride 1 and padding 1 and
    channels in multiples of 16: Winograd's form for float32 on a CPU with AVX2 or AVX-512, tiles for bfloat16 on one
    with AMX; its result has its channels together in memory (channels_last), and x is read without a copy if it has
    too. "torch" is torch's; "auto" takes
    the first that serves and is known to be fast, by sizes alone. Differentiable any number of times.
    Raises KernelError KERNEL_ARGUMENT or KERNEL_UNSUPPORTED. Source: Lavin and Gray 2016, "Fast algorithms for
    convolutional neural networks".
    """
    check_tensors('conv2d', {'x': x, 'weight': weight})
    check_tensors('conv2d', {'bias': bias, 'residual': residual}, optional=True)
    for label, tensor in (('x', x), ('weight', weight)):
        if tensor.dim() != 4:
            raise wrong('conv2d', label, 'have 4 dimensions', f'{tensor.dim()}: {shape(tensor)}')
    for label, tensor in (('weight', weight), ('bias', bias), ('residual', residual)):
        if tensor is not None and tensor.dtype != x.dtype:
            raise wrong(
                'conv2d', label, f'have the dtype of x, {dtype_name(x.dtype)}', dtype_name(tensor.dtype)
            )
    check_devices('conv2d', 'x', x.device, {'weight': weight, 'bias': bias, 'residual': residual})
    if type(groups) is not int or groups < 1 or x.shape[1] != weight.shape[1] * groups:
        raise wrong(
            'conv2d', 'weight', f'be [K,{x.shape[1]}/groups,R,S]', f'{shape(weight)} with groups {groups!r}'
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise wrong('conv2d', 'bias', f'be [{weight.shape[0]}]', shape(bias))
    places = {'stride': (stride, 1), 'padding': (padding, 0), 'dilation': (dilation, 1)}
    steps, around, apart = (_pair(label, value, least) for label, (value, least) in places.items())
    result = _result_shape(x, weight, steps, around, apart)
    if residual is not None and residual.shape != result:
        raise wrong('conv2d', 'residual', f"have the result's shape {list(result)}", shape(residual))
    call = Convolution(
        device_type=x.device.type,
        dtype=x.dtype,
        images=x.shape[0],
        height=x.shape[2],
        width=x.shape[3],
        channels=x.shape[1],
        results=weight.shape[0],
        window=(weight.shape[2], weight.shape[3]),
        stride=steps,
        padding=around,
        dilation=apart,
        groups=groups,
    )
    if choose(call, implementation)[0] == 'cpu':
        return torch.ops.conv2d.forward_cpu.default(x, weight, bias, residual, relu_input)
    y = F.conv2d(F.relu(x) if relu_input else x, weight, bias, steps, around, apart, groups)
    return y if residual is None else y + residual


def _result_shape(
    x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    places = [
        (size + 2 * around - apart * (window - 1) - 1) // step + 1
        for size, around, apart, window, step in zip(
            x.shape[2:], padding, dilation, weight.shape[2:], stride, strict=True
        )
    ]
    if min(places) < 1:
        raise wrong('conv2d', 'x', 'be at least as large as the window', f'{shape(x)} for {shape(weight)}')
    return x.shape[0], weight.shape[0], places[0], places[1]


def _pair(label: str, value: Pair, least: int) -> tuple[int, int]:
    pair = (value, value) if type(value) is int else value
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or any(type(n) is not int or n < least for n in pair)
    ):
        raise wrong('conv2d', label, f'be a whole number of at least {least}, or two', repr(value))
    return pair[0], pair[1]
