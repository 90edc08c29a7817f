"""Checks the arguments of `srwm`: one line naming the argument, what it must be and what came."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ..errors import KernelError

HALF_DTYPES = (torch.bfloat16, torch.float16)
BPTT_MODES = ('unroll', 'step')


def check(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    input_softmax: bool,
    bptt: str,
    checkpoint_every: int | None,
) -> None:
    """Raises KERNEL_ARGUMENT for the first argument of `srwm` that does not fit."""
    if x.dim() != 4:
        raise wrong('x', 'be [T,B,H,D]', shape(x))
    if w.dim() != 3:
        raise wrong('w', 'be [H,D,Y+2D+4]', shape(w))
    steps, batch, heads, head_dim = x.shape
    columns = w.shape[2]
    if head_dim < 1:
        raise wrong('x', 'have head_dim of at least 1', shape(x))
    if w.shape[0] != heads or w.shape[1] != head_dim:
        raise wrong('w', f'be [{heads},{head_dim},Y+{2 * head_dim + 4}] to fit x {shape(x)}', shape(w))
    if columns < 2 * head_dim + 5:
        raise wrong('w', f'have at least {2 * head_dim + 5} columns (y, q, k, beta)', shape(w))
    if w.dtype not in (torch.float32, torch.float64):
        raise wrong('w', 'be float32 or float64', name(w.dtype))
    if x.dtype != w.dtype and (x.dtype not in HALF_DTYPES or w.dtype != torch.float32):
        raise wrong(
            'x', f"have w's dtype {name(w.dtype)}, or be bfloat16 or float16 beside float32", name(x.dtype)
        )
    if input_softmax is not True and input_softmax is not False:
        raise wrong('input_softmax', 'be a bool', repr(input_softmax))
    if bptt not in BPTT_MODES:
        raise wrong('bptt', 'be "unroll" or "step"', repr(bptt))
    if checkpoint_every is not None and (type(checkpoint_every) is not int or checkpoint_every < 1):
        raise wrong('checkpoint_every', 'be None or a whole number of steps above 0', repr(checkpoint_every))
    states = batch
    if cu_seqlens is not None:
        states = check_cu_seqlens(cu_seqlens, steps, batch)
    if fast_weight_delta is not None:
        one = (heads, head_dim, columns)
        if fast_weight_delta.shape not in ((states, *one), (1, *one), one):
            required = f'be {[states, *one]}, or {list(one)} for all sequences'
            raise wrong('fast_weight_delta', required, shape(fast_weight_delta))
        if fast_weight_delta.dtype != w.dtype:
            raise wrong('fast_weight_delta', f"have w's dtype {name(w.dtype)}", name(fast_weight_delta.dtype))
    if is_first is not None and (is_first.dtype != torch.bool or is_first.shape != (steps, batch)):
        raise wrong('is_first', f'be bool {[steps, batch]}', f'{name(is_first.dtype)} {shape(is_first)}')
    for label, tensor in (('w', w), ('fast_weight_delta', fast_weight_delta), ('is_first', is_first)):
        if tensor is not None and tensor.device != x.device:
            raise wrong(label, f'lie on the device of x, {x.device}', str(tensor.device))


def check_cu_seqlens(cu_seqlens: Tensor, steps: int, batch: int) -> int:
    """Checks cu_seqlens [N+1] and returns N; reads its values only where that waits for no device."""
    if batch != 1:
        raise wrong('x', 'have B = 1 where cu_seqlens is given', f'B = {batch}')
    if cu_seqlens.dtype != torch.int32 or cu_seqlens.dim() != 1 or len(cu_seqlens) < 2:
        raise wrong(
            'cu_seqlens',
            'be int32 [N+1] with N of at least 1',
            f'{name(cu_seqlens.dtype)} {shape(cu_seqlens)}',
        )
    if cu_seqlens.device.type == 'cpu' and not torch.compiler.is_compiling() and type(cu_seqlens) is Tensor:
        ends = cu_seqlens.tolist()
        if ends[0] != 0 or ends[-1] != steps or any(a > b for a, b in itertools.pairwise(ends)):
            raise wrong('cu_seqlens', f'rise from 0 to T = {steps}', str(ends))
    return cu_seqlens.shape[0] - 1


def wrong(argument: str, requirement: str, got: str) -> KernelError:
    return KernelError('KERNEL_ARGUMENT', f'srwm: {argument} must {requirement}, got {got}.')


def shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
