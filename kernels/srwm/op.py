"""`srwm`, the public function: checks, chooses an implementation, calls its op."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import nvrtc
from ..cuda_launch import describe as describe_cuda
from ..dispatch import Call, Implementation, choose, register
from ..segments import in_segments
from ..sequences import full_precision, one_for_each
from ..triton_device import describe as describe_triton
from ..triton_device import refusal, reluctance
from . import cpu_op, cuda_op, reference_op, triton_op  # noqa: F401 (the last defines ops)
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
    checkpoint_every: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns y [T,B,H,Y] and the final fast_weight_delta [B,H,D,C] of the self-referential weight matrix.

    x [T,B,H,D]; w [H,D,C], the slow weights, C = Y + 2D + 4 columns in the order (y, q, k, beta);
    fast_weight_delta [B,H,D,C] is W_t - w, None is zero; [H,D,C] or [1,H,D,C] is one for every sequence;
    is_first [T,B] bool: before step t the state goes back to w. y is read from W_t before its update.
    bptt="step": the state enters every step detached and the returned delta is detached. cu_seqlens int32 [N+1]:
    B is 1, T the total, states are [N,H,D,C]. checkpoint_every: keep the state every so many steps instead of
    what the backward pass needs of each step, and compute that again there: for long T. x may be bfloat16
    or float16 beside a float32 w, and y has x's dtype, the state w's; under autocast a w or fast_weight_delta in half
    precision is cast to float32. On CPU tensors a w that is not finite is refused;
    elsewhere no value is read. Raises KernelError KERNEL_ARGUMENT or KERNEL_UNSUPPORTED. Source: Irie et al. 2022,
    "A modern self-referential weight matrix that learns to modify itself", equations 5 to 8.
    """
    w, fast_weight_delta = full_precision(w), full_precision(fast_weight_delta)
    check(x, w, fast_weight_delta, is_first, cu_seqlens, input_softmax, bptt, checkpoint_every)
    fast_weight_delta = one_for_each(fast_weight_delta, x, cu_seqlens)
    save = torch.is_grad_enabled() and (
        x.requires_grad
        or w.requires_grad
        or (fast_weight_delta is not None and fast_weight_delta.requires_grad)
    )
    call = Call(
        device_type=x.device.type,
        device_index=x.device.index,
        dtype=x.dtype,
        weight_dtype=w.dtype,
        head_dim=x.shape[3],
        output_dim=w.shape[2] - 2 * x.shape[3] - 4,
        bptt=bptt,
        packed=cu_seqlens is not None,
        differentiable=save,
    )
    chosen = choose('srwm', call, implementation)
    forward = getattr(torch.ops.srwm, 'forward_' + chosen).default
    # The reference keeps states by itself, and adds up the gradient of w in the order that it has without them.
    kept_inside = (checkpoint_every or 0) if chosen == 'reference' else 0

    def run(
        sequences: list[Tensor], delta: Tensor | None, is_first: Tensor | None, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        options = (input_softmax, bptt == 'step', save, kept_inside)
        y, end, _ = forward(*sequences, w, delta, is_first, cu_seqlens, *options)
        return y, end

    if checkpoint_every and save and not kept_inside:
        return in_segments(run, [x], fast_weight_delta, is_first, cu_seqlens, checkpoint_every)
    return run([x], fast_weight_delta, is_first, cu_seqlens)


register_fakes('reference', reference_op.saved_shape)
register_autograd('reference', reference_op.second_derivative)
cuda_op.define('cuda', 'cuda', nvrtc.launch)
register('srwm', Implementation(name='cuda', refusal=cuda_op.refusal, describe=describe_cuda))
register(
    'srwm',
    Implementation(name='triton', refusal=refusal, describe=describe_triton, reluctance=reluctance),
)
register('srwm', Implementation(name='cpu', refusal=cpu_op.refusal, describe=cpu_op.describe))
register(
    'srwm',
    Implementation(name='reference', refusal=lambda _: '', describe=lambda: 'plain torch, on any device'),
)
