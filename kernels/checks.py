"""What the argument checks of every op share: one line naming the argument, what it must be and what came."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from .errors import KernelError

HALF_DTYPES = (torch.bfloat16, torch.float16)
BPTT_MODES = ('unroll', 'step')


def wrong(op: str, argument: str, requirement: str, got: str) -> KernelError:
    """Returns the error of an argument that does not fit."""
    return KernelError('KERNEL_ARGUMENT', f'{op}: {argument} must {requirement}, got {got}.')


def check_tensors(op: str, arguments: Mapping[str, object], *, optional: bool = False) -> None:
    for label, value in arguments.items():
        if not isinstance(value, Tensor) and not (optional and value is None):
            raise wrong(op, label, f'be a tensor{" or None" if optional else ""}', type(value).__name__)
        if isinstance(value, Tensor) and (value.layout != torch.strided or value.is_nested):
            kind = 'nested' if value.is_nested else str(value.layout).removeprefix('torch.')
            raise wrong(op, label, 'be a dense tensor (torch.strided)', f'a {kind} one')


def check_bptt(op: str, bptt: str) -> None:
    if bptt not in BPTT_MODES:
        raise wrong(op, 'bptt', 'be "unroll" or "step"', repr(bptt))


def check_checkpoint_every(op: str, every: int | None) -> None:
    if every is not None and (type(every) is not int or every < 1):
        raise wrong(op, 'checkpoint_every', 'be None or a whole number of steps above 0', repr(every))


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
    if is_readable(cu_seqlens):
        ends = cu_seqlens.tolist()
        if ends[0] != 0 or ends[-1] != steps or any(a > b for a, b in itertools.pairwise(ends)):
            raise wrong(op, 'cu_seqlens', f'rise from 0 to T = {steps}', str(ends))
    return cu_seqlens.shape[0] - 1


def check_finite(op: str, argument: str, tensor: Tensor) -> None:
    """Checks values, but only where reading them waits for no device."""
    if is_readable(tensor) and not math.isfinite(tensor.detach().sum()) and not tensor.isfinite().all():
        count = int(tensor.numel() - tensor.isfinite().sum())
        raise wrong(op, argument, 'be finite', f'{count} of {tensor.numel()} numbers that are not')


_states_are_checked = True


def leave_states_unchecked() -> None:
    """For a process that reports numbers that are not finite itself, as a run does with their line: states pass."""
    global _states_are_checked
    _states_are_checked = False


def check_finite_state(
    op: str, argument: str, state: Tensor | None, is_first: Tensor | None, cu_seqlens: Tensor | None
) -> None:
    """Checks the carried state [N,...] where reading waits for no device; what a reset discards may be anything."""
    if (
        state is None
        or not _states_are_checked
        or not is_readable(state)
        or math.isfinite(state.detach().sum())
    ):
        return
    if state.dim() == 4 and is_first is not None and len(is_first) and cu_seqlens is None:
        state = torch.where(is_first[0, :, None, None, None], 0, state)
    check_finite(op, argument, state)


def is_readable(tensor: Tensor) -> bool:
    """Returns whether the tensor has values here and now: it lies on the CPU, and nobody is tracing."""
    return (
        tensor.device.type == 'cpu'
        and type(tensor) in (Tensor, torch.nn.Parameter)
        and not torch.compiler.is_compiling()
        and not is_in_torch_dispatch_mode()
        and not is_functorch_wrapped_tensor(tensor)
    )


def shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
