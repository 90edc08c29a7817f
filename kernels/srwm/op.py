"""`srwm`, the public function: checks, chooses an implementation, calls its op."""

from __future__ import annotations

import torch
from torch import Tensor

from ..dispatch import TABLE, Implementation, choose
from . import cpu_op, reference_op
from .arguments import check
from .registration import register_autograd, register_fakes


def srwm(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None = None,
    is_first: Tensor | None = None,
    *,
    input_softmax: bool,
    bptt: str = 'unroll',
    implementation: str = 'auto',
    cu_seqlens: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns y [T,B,H,Y] and the final fast_weight_delta [B,H,D,C] of the self-referential weight matrix.

    x [T,B,H,D]; w [H,D,C], the slow weights, C = Y + 2D + 4 columns in the order (y, q, k, beta);
    fast_weight_delta [B,H,D,C] is W_t - w, None is zero; is_first [T,B] bool: before step t the state goes
    back to w. y is read from W_t before its update. bptt="step": the state enters every step detached and the
    returned delta is detached. cu_seqlens int32 [N+1]: B is 1, T the total, states are [N,H,D,C]. x may be
    bfloat16 or float16 beside a float32 w; y has x's dtype, the state w's. Raises KernelError KERNEL_ARGUMENT
    or KERNEL_UNSUPPORTED. Source: Irie et al. 2022, "A modern self-referential weight matrix that learns to
    modify itself", equations 5 to 8.
    """
    check(x, w, fast_weight_delta, is_first, cu_seqlens, input_softmax, bptt)
    if choose('srwm', x.device.type, implementation) == 'cpu':
        forward = torch.ops.srwm.forward_cpu.default
    else:
        forward = torch.ops.srwm.forward_reference.default
    save = torch.is_grad_enabled() and (
        x.requires_grad
        or w.requires_grad
        or (fast_weight_delta is not None and fast_weight_delta.requires_grad)
    )
    step = bptt == 'step'
    if x.dtype == w.dtype:
        y, delta, _ = forward(x, w, fast_weight_delta, is_first, cu_seqlens, input_softmax, step, save)
        return y, delta
    y, delta, _ = forward(
        x.to(w.dtype), w, fast_weight_delta, is_first, cu_seqlens, input_softmax, step, save
    )
    return y.to(x.dtype), delta


def saved_shape(x: Tensor, y_dim: int, step: bool) -> tuple[int, ...]:
    """Returns [T,B,H,width] of what the reference's op keeps for its backward pass."""
    return (*x.shape[:3], 4 * x.shape[3] + y_dim + 8)


register_fakes('reference', saved_shape)
register_autograd('reference', reference_op.second_derivative)
TABLE['srwm'] = (
    Implementation(name='cpu', refusal=cpu_op.refusal, describe=cpu_op.describe),
    Implementation(name='reference', refusal=lambda _: '', describe=lambda: 'plain torch, on any device'),
)
