"""The ops of delta_rule by CUDA kernels, which NVRTC compiles at first use."""

from __future__ import annotations

import torch
from torch import Tensor

from ..cuda_launch import Functions, Launch, dense, dtype_refusal, geometry, pointer, run, strided
from ..cuda_launch import refusal as cuda_refusal
from ..dispatch import Call
from .arguments import state_dtype
from .cuda_plan import Plan
from .registration import register_autograd, register_fakes, state_shape
from .step_arguments import check_step, check_step_devices


def refusal(call: Call) -> str:
    """Returns why the CUDA kernels cannot serve a call, or an empty string."""
    return cuda_refusal(call, size_refusal)


def size_refusal(call: Call) -> str:
    """Returns why kernels for a call cannot be made, whatever the device."""
    return dtype_refusal(call) or Plan(key_dim=call.head_dim, value_dim=call.output_dim).refusal()


def saved_shape(k: Tensor, v: Tensor) -> tuple[int, ...]:
    """Returns [T,B,H,V]: the difference v - k W of each step is kept."""
    return tuple(v.shape)


def define(implementation: str, device_type: str, launch: Launch) -> Functions:
    """Makes the ops delta_rule::forward_<implementation>, backward_<...> and step_<...>_; returns what they run."""

    def forward(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        beta: Tensor,
        fast_weights: Tensor | None,
        is_first: Tensor | None,
        cu_seqlens: Tensor | None,
        step: bool,
        save: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (o, end, saved); saved is empty unless `save`."""
        q, k, v = dense(q, 1), dense(k, 1), dense(v, 1)
        o = v.new_empty(v.shape)
        end = q.new_empty(state_shape(k, v, cu_seqlens), dtype=state_dtype(q))
        saved = end.new_empty(v.shape if save else (0,))
        state = dense(fast_weights, 2)
        run_forward(launch, (q, k, v, beta), state, is_first, dense(cu_seqlens, 1), o, end, saved)
        return o, end, saved

    def backward(
        do: Tensor | None,
        dend: Tensor | None,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        beta: Tensor,
        fast_weights: Tensor | None,
        is_first: Tensor | None,
        cu_seqlens: Tensor | None,
        saved: Tensor,
        step: bool,
        state_gradient: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Returns dq, dk, dv, dbeta and the gradient of fast_weights, empty unless asked for and bptt is "unroll"."""
        plan = Plan(key_dim=k.shape[3], value_dim=v.shape[3])
        q, k, do, cu_seqlens = dense(q, 1), dense(k, 1), dense(do, 1), dense(cu_seqlens, 1)
        state, cotangent = dense(fast_weights, 2), dense(dend, 2)
        saved = saved.contiguous()
        dq, dk, dv, dbeta = (t.new_empty(t.shape) for t in (q, k, v, beta))
        shape = state_shape(k, v, cu_seqlens)
        dstate = saved.new_empty(shape if state_gradient and not step else (0,))
        # Nothing that one walk leaves for the next is rounded to the dtype of the inputs.
        dwrite, dk_part = saved.new_empty(v.shape), saved.new_empty(k.shape)
        arguments = [
            *geometry(k, is_first, cu_seqlens),
            *strided(do, 3),
            *strided(q, 3),
            *strided(k, 3),
            *strided(beta, 3),
            *strided(cotangent, 2),
            *strided(state, 2),
            *map(pointer, (saved, dwrite, dk_part, dstate, dq, dk, dv, dbeta)),
            int(step),
        ]
        chains = shape[0] * shape[1]
        run(launch, plan.columns(q.dtype), 1, chains * plan.column_warps, arguments, q)
        run(launch, plan.rows(q.dtype), 1, chains * plan.row_warps, arguments, q)
        return dq, dk, dv, dbeta, dstate

    def step_(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        beta: Tensor,
        fast_weights: Tensor,
        is_first: Tensor | None,
        out: Tensor,
    ) -> None:
        """One step of the forward kernel, whose last state is its first."""
        check_step(q, k, v, beta, fast_weights, is_first, out)
        inputs = [dense(t, 1).unsqueeze(0) for t in (q, k, v)]
        first = None if is_first is None else is_first.unsqueeze(0)
        run_forward(
            launch,
            (*inputs, beta.unsqueeze(0)),
            fast_weights,
            first,
            None,
            out.unsqueeze(0),
            fast_weights,
            None,
        )

    for kind, function, written in (
        ('forward', forward, ()),
        ('backward', backward, ()),
        ('step', step_, ('fast_weights', 'out')),
    ):
        name = f'delta_rule::{kind}_{implementation}{"_" if written else ""}'
        torch.library.custom_op(name, function, mutates_args=written, device_types=device_type)
    register_fakes(implementation, saved_shape)
    register_autograd(implementation, twice=False)
    torch.library.register_fake(f'delta_rule::step_{implementation}_', check_step_devices)
    return Functions(forward, backward, step_)


def run_forward(
    launch: Launch,
    inputs: tuple[Tensor, ...],
    state: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    o: Tensor,
    end: Tensor,
    saved: Tensor | None,
) -> None:
    """Runs the forward kernel on q, k, v and beta; rows and states are dense, `end` may be `state`."""
    _, k, v, _ = inputs
    plan = Plan(key_dim=k.shape[3], value_dim=v.shape[3])
    arguments = [
        *geometry(k, is_first, cu_seqlens),
        *(number for t in (*inputs, o) for number in strided(t, 3)),
        *strided(state, 2),
        *strided(end, 2),
        pointer(saved),
    ]
    run(launch, plan.forward(k.dtype), 1, end.shape[:2].numel() * plan.column_warps, arguments, k)
