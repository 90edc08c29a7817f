"""The ops srwm::forward_cuda and srwm::backward_cuda: CUDA kernels that NVRTC compiles at first use."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import nvrtc
from ..cuda_launch import (
    Functions,
    Launch,
    dense,
    dtype_refusal,
    geometry,
    pointer,
    run,
    strided,
)
from ..cuda_launch import refusal as cuda_refusal
from ..dispatch import Call
from ..sequences import sequences
from .cuda_plan import Plan
from .reference import output_dim
from .registration import register_autograd, register_fakes
from .step_arguments import check_step, check_step_devices


def refusal(call: Call) -> str:
    """Returns why the CUDA kernels cannot serve a call, or an empty string."""
    return cuda_refusal(call, size_refusal)


def size_refusal(call: Call) -> str:
    """Returns why kernels for a call cannot be made, whatever the device."""
    plan = Plan(head_dim=call.head_dim, output_dim=call.output_dim)
    return dtype_refusal(call) or plan.refusal(call.differentiable, call.bptt == 'step')


def saved_shape(x: Tensor, y_dim: int, step: bool, _: int) -> tuple[int, ...]:
    """Returns [B,H,T,width]: one chain's steps lie together."""
    time, batch, heads, head_dim = x.shape
    return batch, heads, time, Plan(head_dim=head_dim, output_dim=y_dim).saved_width(step)


def define(implementation: str, device_type: str, launch: Launch) -> Functions:
    """Makes the ops srwm::forward_<implementation>, backward_<...> and step_<...>_; returns what they run."""

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
        y = x.new_empty((*x.shape[:3], output_dim(w)))
        delta_out = w.new_empty((sequences(x, cu_seqlens), *w.shape))
        saved = w.new_empty(saved_shape(x, y.shape[3], step, 0) if save else (0,))
        keep = (2 if step else 1) if save else 0
        delta = dense(fast_weight_delta, 2)
        run_forward(launch, x, w, delta, is_first, cu_seqlens, input_softmax, keep, y, delta_out, saved)
        return y, delta_out, saved

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

    def step_(
        x: Tensor,
        w: Tensor,
        fast_weight_delta: Tensor,
        is_first: Tensor | None,
        input_softmax: bool,
        out: Tensor,
    ) -> None:
        """One step of the forward kernel, whose last state is its first."""
        check_step(x, w, fast_weight_delta, is_first, input_softmax, out)
        first, state = None if is_first is None else is_first.unsqueeze(0), fast_weight_delta
        run_forward(
            launch,
            x.unsqueeze(0),
            w,
            state,
            first,
            None,
            input_softmax,
            0,
            out.unsqueeze(0),
            state,
            None,
            in_place=True,
        )

    for kind, function, written in (
        ('forward', forward, ()),
        ('backward', backward, ()),
        ('step', step_, ('fast_weight_delta', 'out')),
    ):
        name = f'srwm::{kind}_{implementation}{"_" if written else ""}'
        torch.library.custom_op(name, function, mutates_args=written, device_types=device_type)
    register_fakes(implementation, saved_shape)
    register_autograd(implementation, None)
    torch.library.register_fake(f'srwm::step_{implementation}_', check_step_devices)
    return Functions(forward, backward, step_)


def plan_of(x: Tensor, w: Tensor) -> Plan:
    return Plan(head_dim=x.shape[3], output_dim=output_dim(w))


def run_forward(
    launch: Launch,
    x: Tensor,
    w: Tensor,
    delta: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    input_softmax: bool,
    keep: int,
    y: Tensor,
    delta_out: Tensor,
    saved: Tensor | None,
    *,
    in_place: bool = False,
) -> None:
    """Runs the forward kernel. States are dense; `in_place`: there is one step, and `delta_out` is `delta`."""
    plan = plan_of(x, w)
    x, w, cu_seqlens = dense(x, 1), w.contiguous(), dense(cu_seqlens, 1)
    arguments = [
        *geometry(x, is_first, cu_seqlens),
        *strided(x, 3),
        pointer(w),
        *strided(delta, 2),
        int(input_softmax),
        keep,
        *strided(y, 3),
        *strided(delta_out, 2),
        pointer(saved),
    ]
    program = plan.forward(x.dtype, in_place)
    run(launch, program, plan.forward_warps, delta_out.shape[:2].numel(), arguments, x)
