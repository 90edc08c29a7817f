"""What the CUDA forms of the ops share: how tensors and sizes become the arguments of a kernel and its grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import torch
from torch import Tensor

from . import nvrtc
from .dispatch import Call
from .sequences import sequences

# launch(program, blocks, threads, arguments, device): nvrtc.launch, or a stand-in that runs the kernels elsewhere.
Launch = Callable[[nvrtc.Program, int, int, Sequence[int], torch.device], None]


class Functions(NamedTuple):
    """What the three ops of one implementation run."""

    forward: Callable[..., tuple[Tensor, ...]]
    backward: Callable[..., tuple[Tensor, ...]]
    step_: Callable[..., None]


# How the sequences and their gradients lie in memory; everything else is float32.
IO = {torch.float32: 'Float32', torch.bfloat16: 'BFloat16', torch.float16: 'Float16'}
# Chains that one block takes where a chain is one warp, and the number of chains above which it takes so many.
TEAMS, MANY_CHAINS = 4, 512


def refusal(call: Call, size_refusal: Callable[[Call], str]) -> str:
    """Returns why no CUDA kernel can serve a call, or an empty string; asks the device last."""
    if call.device_type != 'cuda':
        return f'it runs on cuda tensors, got {call.device_type}'
    return size_refusal(call) or nvrtc.missing() or nvrtc.unfit(call.device_index)


def dtype_refusal(call: Call) -> str:
    """Returns why kernels for the dtypes of a call cannot be made, or an empty string."""
    if call.dtype not in IO or call.weight_dtype != torch.float32:
        return f'it computes in float32, got {str(call.weight_dtype).removeprefix("torch.")}'
    return ''


def describe() -> str:
    """Says what runs: `explain` quotes it."""
    return 'CUDA kernels compiled by NVRTC for this device'


def blocks(chains: int, warps: int) -> tuple[int, int]:
    """Returns (blocks, threads of one) for so many chains: few chains spread over the whole device."""
    teams = TEAMS if warps == 1 and chains > MANY_CHAINS else 1
    return -(-chains // teams), 32 * warps * teams


def run(
    launch: Launch, program: nvrtc.Program, warps: int, chains: int, arguments: list[int], x: Tensor
) -> None:
    if chains:
        launch(program, *blocks(chains, warps), arguments, x.device)


def geometry(x: Tensor, is_first: Tensor | None, cu_seqlens: Tensor | None) -> list[int]:
    """Returns the arguments of every kernel that say how long the sequences are and where episodes begin."""
    time, batch, heads, _ = x.shape
    return [time, batch, heads, sequences(x, cu_seqlens), *strided(is_first, 2), pointer(cu_seqlens)]


@overload
def dense(tensor: Tensor, rows: int) -> Tensor: ...
@overload
def dense(tensor: None, rows: int) -> None: ...
@overload
def dense(tensor: Tensor | None, rows: int) -> Tensor | None: ...
def dense(tensor: Tensor | None, rows: int) -> Tensor | None:
    """Returns the tensor itself if its last `rows` dimensions are dense, whatever strides the others have."""
    if tensor is None:
        return None
    expected = 1
    for size, stride in zip(reversed(tensor.shape[-rows:]), reversed(tensor.stride()[-rows:]), strict=True):
        if size != 1 and stride != expected:
            return tensor.contiguous()
        expected *= size
    return tensor


def strided(tensor: Tensor | None, outer: int) -> list[int]:
    """Returns address and strides of the outer dimensions; zeros for None."""
    if tensor is None:
        return [0] * (1 + outer)
    return [pointer(tensor), *tensor.stride()[:outer]]


def pointer(tensor: Tensor | None) -> int:
    """Returns the address of the first element, 0 for None and for what is empty."""
    return 0 if tensor is None or tensor.numel() == 0 else tensor.data_ptr()
