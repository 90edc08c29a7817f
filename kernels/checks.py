"""What the argument checks of every op share: one line naming the argument, what it must be and what came."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from .errors import KernelError

HALF_DTYPES = (torch.bfloat16, torch.float16)
BPTT_MODES = ('unroll', 'step')


def wrong(op: str, argument: str, requirement: str, got: str) -> KernelError:
    """Returns the error of an argument that does not fit."""
    return KernelError('KERNEL_ARGUMENT', f'{op}: {argument} must {requirement}, got {got}.')


def check_bptt(op: str, bptt: str) -> None:
    if bptt not in BPTT_MODES:
        raise wrong(op, 'bptt', 'be "unroll" or "step"', repr(bptt))


def check_is_first(op: str, is_first: Tensor | None, steps: int, batch: int) -> None:
    if is_first is not None and (is_first.dtype != torch.bool or is_first.shape != (steps, batch)):
        raise wrong(
            op, 'is_first', f'be bool {[steps, batch]}', f'{dtype_name(is_first.dtype)} {shape(is_first)}'
        )


def check_devices(op: str, first: str, device: torch.device, others: dict[str, Tensor | None]) -> None:
    for label, tensor in others.items():
        if tensor is not None and tensor.device != device:
            raise wrong(op, label, f'lie on the device of {first}, {device}', str(tensor.device))


def check_cu_seqlens(op: str, first: str, cu_seqlens: Tensor, steps: int, batch: int) -> int:
    """Checks cu_seqlens [N+1] and returns N; reads its values only where that waits for no device."""
    if batch != 1:
        raise wrong(op, first, 'have B = 1 where cu_seqlens is given', f'B = {batch}')
    if cu_seqlens.dtype != torch.int32 or cu_seqlens.dim() != 1 or len(cu_seqlens) < 2:
        raise wrong(
            op,
            'cu_seqlens',
            'be int32 [N+1] with N of at least 1',
            f'{dtype_name(cu_seqlens.dtype)} {shape(cu_seqlens)}',
        )
    if cu_seqlens.device.type == 'cpu' and not torch.compiler.is_compiling() and type(cu_seqlens) is Tensor:
        ends = cu_seqlens.tolist()
        if ends[0] != 0 or ends[-1] != steps or any(a > b for a, b in itertools.pairwise(ends)):
            raise wrong(op, 'cu_seqlens', f'rise from 0 to T = {steps}', str(ends))
    return cu_seqlens.shape[0] - 1


def shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
