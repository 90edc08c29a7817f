"""`delta_rule`, the public function: checks, chooses an implementation, calls its op."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from .. import nvrtc
from ..checks import check_tensors
from ..cuda_launch import describe as describe_cuda
from ..dispatch import Call, Implementation, choose, register
from ..segments import in_segments
from ..sequences import full_precision, one_for_each, under_autocast
from ..triton_device import describe, refusal, reluctance
from . import cpu_op, cuda_op, reference_op, triton_op  # noqa: F401 (the last two define ops)
from .arguments import check, state_dtype
from .registration import register_autograd, register_fakes


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor | None = None,
    is_first: Tensor | None = None,
    *,
    bptt: str = 'unroll',
    implementation: str = 'auto',
    cu_seqlens: Tensor | None = None,
    checkpoint_every: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns o [T,B,H,V] and the final fast weights [B,H,K,V] of a memory that is written by the delta rule.

    q, k [T,B,H,K], already activated; v [T,B,H,V]; beta [T,B,H], the rate of each write, after its sigmoid;
    fast_weights [B,H,K,V], rows are keys, None is zero, [H,K,V] or [1,H,K,V] is one for every sequence;
    is_first [T,B] bool: before step t the fast weights go back to zero. Each step writes W += k (beta (v - k W)),
    then reads o = q W. bptt="step": the state enters every step detached and the returned one is detached.
    cu_seqlens int32 [N+1]: B is 1, T the total, states are [N,H,K,V]. checkpoint_every: keep the state every so many
    steps instead of what the backward pass needs of each step, and compute that again there; the same bits, for long
    T. q, k, v and beta have one dtype (under autocast the widest of theirs), and so has o; states are float32 beside
    bfloat16 and float16. The step's factor
    on the state is I - beta k k^T: keys longer than sqrt(2 / beta) make it grow. Raises KernelError
    KERNEL_ARGUMENT or KERNEL_UNSUPPORTED. Source: Schlag, Irie, Schmidhuber 2021, "Linear transformers are
    secretly fast weight programmers", section 4.2; Irie, Schlag, Csordás, Schmidhuber 2021, "Going beyond linear
    transformers with recurrent fast weight programmers".
    """
    check_tensors('delta_rule', {'q': q, 'k': k, 'v': v, 'beta': beta})
    fast_weights = full_precision(fast_weights)
    if under_autocast(q):
        # Autocast leaves projections in half precision and activations in float32.
        dtype = functools.reduce(torch.promote_types, (t.dtype for t in (q, k, v, beta)))
        q, k, v, beta = (t.to(dtype) for t in (q, k, v, beta))
    check(q, k, v, beta, fast_weights, is_first, cu_seqlens, bptt, checkpoint_every)
    fast_weights = one_for_each(fast_weights, q, cu_seqlens)
    save = torch.is_grad_enabled() and (
        q.requires_grad
        or k.requires_grad
        or v.requires_grad
        or beta.requires_grad
        or (fast_weights is not None and fast_weights.requires_grad)
    )
    call = Call(
        device_type=q.device.type,
        device_index=q.device.index,
        dtype=q.dtype,
        weight_dtype=state_dtype(q),
        head_dim=q.shape[3],
        output_dim=v.shape[3],
        bptt=bptt,
        packed=cu_seqlens is not None,
        differentiable=save,
    )
    forward = getattr(torch.ops.delta_rule, 'forward_' + choose('delta_rule', call, implementation)).default

    def run(
        sequences: list[Tensor], state: Tensor | None, is_first: Tensor | None, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        o, end, _ = forward(*sequences, state, is_first, cu_seqlens, bptt == 'step', save)
        return o, end

    if checkpoint_every and save:
        return in_segments(run, [q, k, v, beta], fast_weights, is_first, cu_seqlens, checkpoint_every)
    return run([q, k, v, beta], fast_weights, is_first, cu_seqlens)


def saved_shape(k: Tensor, v: Tensor) -> tuple[int, ...]:
    """Returns [T,B,H,V]: the reference's op keeps the difference v - k W of each step."""
    return tuple(v.shape)


register_fakes('reference', saved_shape)
register_autograd('reference', twice=True)
cuda_op.define('cuda', 'cuda', nvrtc.launch)
register('delta_rule', Implementation(name='cuda', refusal=cuda_op.refusal, describe=describe_cuda))
register('delta_rule', Implementation(name='cpu', refusal=cpu_op.refusal, describe=cpu_op.describe))
register(
    'delta_rule',
    Implementation(name='reference', refusal=lambda _: '', describe=lambda: 'plain torch, on any device'),
)
register(
    'delta_rule',
    Implementation(name='triton', refusal=refusal, describe=describe, reluctance=reluctance),
)
