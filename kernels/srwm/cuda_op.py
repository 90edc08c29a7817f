"""The ops srwm::forward_cuda and srwm::backward_cuda: CUDA kernels that NVRTC compiles at first use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import torch
from torch import Tensor

from .. import nvrtc
from ..dispatch import Call
from .cuda_plan import IO, Plan, blocks
from .reference import output_dim
from .registration import register_autograd, register_fakes, sequences

# launch(program, blocks, threads, arguments, device): nvrtc.launch, or a stand-in that runs the kernels elsewhere.
Launch = Callable[[nvrtc.Program, int, int, Sequence[int], torch.device], None]


def refusal(call: Call) -> str:
    """Returns why the CUDA kernels cannot serve a call, or an empty string."""
    if call.device_type != 'cuda':
        return f'it runs on cuda tensors, got {call.device_type}'
    return size_refusal(call) or nvrtc.missing() or nvrtc.unfit(call.device_index)


def size_refusal(call: Call) -> str:
    """Returns why kernels for a call cannot be made, whatever the device."""
    if call.dtype not in IO or call.weight_dtype != torch.float32:
        return f'it computes in float32, got {str(call.weight_dtype).removeprefix("torch.")}'
    plan = Plan(head_dim=call.head_dim, output_dim=call.output_dim)
    return plan.refusal(call.differentiable, call.bptt == 'step')


def describe() -> str:
    """Says what runs: `explain` quotes it."""
    return 'CUDA kernels compiled by NVRTC for this device'


def saved_shape(x: Tensor, y_dim: int, step: bool, _: int) -> tuple[int, ...]:
    """Returns [B,H,T,width]: one chain's steps lie together."""
    time, batch, heads, head_dim = x.shape
    return batch, heads, time, Plan(head_dim=head_dim, output_dim=y_dim).saved_width(step)


def define(implementation: str, device_type: str, launch: Launch) -> None:
    """Makes the ops srwm::forward_<implementation> and srwm::backward_<implementation> around a launcher."""

    @torch.library.custom_op(f'srwm::forward_{implementation}', mutates_args=(), device_types=device_type)
    def forward(
        x: Tensor,
        w: Tensor,
        fast_weight_delta: Tensor | None,
        is_first: Tensor | None,
        cu_seqlens: Tensor | None,
        input_softmax: bool,
        step: bool,
        save: bool,
        checkpoint_every: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (y, delta, saved); saved is empty unless `save`."""
        plan = plan_of(x, w)
        x, w, delta = dense(x, 1), w.contiguous(), dense(fast_weight_delta, 2)
        cu_seqlens = dense(cu_seqlens, 1)
        y = x.new_empty((*x.shape[:3], plan.output_dim))
        delta_out = w.new_empty((sequences(x, cu_seqlens), *w.shape))
        saved = w.new_empty(saved_shape(x, plan.output_dim, step, 0) if save else (0,))
        keep = (2 if step else 1) if save else 0
        arguments = [
            *geometry(x, is_first, cu_seqlens),
            *strided(x, 3),
            pointer(w),
            *strided(delta, 2),
            int(input_softmax),
            keep,
            *map(pointer, (y, delta_out, saved)),
        ]
        run(launch, plan.forward(x.dtype), plan.forward_warps, delta_out.shape[:2].numel(), arguments, x)
        return y, delta_out, saved

    @torch.library.custom_op(f'srwm::backward_{implementation}', mutates_args=(), device_types=device_type)
    def backward(
        dy: Tensor | None,
        ddelta_out: Tensor | None,
        x: Tensor,
        w: Tensor,
        fast_weight_delta: Tensor | None,
        delta_out: Tensor,
        is_first: Tensor | None,
        cu_seqlens: Tensor | None,
        saved: Tensor,
        input_softmax: bool,
        step: bool,
        delta_gradient: bool,
        checkpoint_every: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns dx, dw and ddelta; the last is empty unless it is asked for and bptt is "unroll"."""
        plan = plan_of(x, w)
        x, w, dy, cu_seqlens = dense(x, 1), w.contiguous(), dense(dy, 1), dense(cu_seqlens, 1)
        delta_out = dense(delta_out, 2)
        delta, cotangent = dense(fast_weight_delta, 2), dense(ddelta_out, 2)
        if step:
            cotangent = None
        program = plan.backward_step(x.dtype) if step else plan.backward(x.dtype, cotangent is not None)
        scratch_width = plan.scratch_width() if cotangent is not None else 0
        scratch = w.new_empty((*saved.shape[:3], scratch_width))
        dx = x.new_empty(x.shape)
        parts = w.new_empty(delta_out.shape)
        ddelta = w.new_empty(delta_out.shape if delta_gradient and not step else (0,))
        arguments = [
            *geometry(x, is_first, cu_seqlens),
            *strided(x, 3),
            *strided(dy, 3),
            pointer(w),
            *strided(delta, 2),
            *strided(delta_out, 2),
            *strided(cotangent, 2),
            pointer(saved),
            int(input_softmax),
            *map(pointer, (dx, parts, ddelta, scratch)),
        ]
        warps = plan.step_warps if step else plan.backward_warps
        run(launch, program, warps, parts.shape[:2].numel(), arguments, x)
        dw = w.new_empty(w.shape)
        total = [parts.shape[0], w.numel(), pointer(parts), pointer(dw)]
        launch(nvrtc.REDUCE, -(-w.numel() // 128), 128, total, x.device)
        return dx, dw, ddelta

    register_fakes(implementation, saved_shape)
    register_autograd(implementation, None)


def plan_of(x: Tensor, w: Tensor) -> Plan:
    return Plan(head_dim=x.shape[3], output_dim=output_dim(w))


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
