"""`delta_rule_step_`, one step of acting: no gradient, the state written in place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..cuda_launch import describe as describe_cuda
from ..dispatch import Call, Implementation, choose, register
from ..errors import KernelError
from ..triton_device import describe as describe_triton
from ..triton_device import refusal, reluctance
from . import cpu_op, cuda_op
from .arguments import state_dtype
from .reference import apply, outer
from .step_arguments import check_step, check_step_devices


def delta_rule_step_(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor,
    is_first: Tensor | None = None,
    *,
    out: Tensor | None = None,
    implementation: str = 'auto',
) -> Tensor:
    """Runs one step of `delta_rule` and returns o [B,H,V]; fast_weights [B,H,K,V] is written in place.

    q, k [B,H,K], v [B,H,V], beta [B,H], is_first [B] bool are one step of `delta_rule`'s arguments; `out` [B,H,V] of
    q's dtype receives o. fast_weights and out share memory with nothing. No gradient: call it under torch.no_grad()
    or torch.inference_mode() where an argument requires one. Raises KernelError KERNEL_ARGUMENT or
    KERNEL_UNSUPPORTED, before anything is written.
    """
    try:
        if torch.is_grad_enabled() and (
            q.requires_grad
            or k.requires_grad
            or v.requires_grad
            or beta.requires_grad
            or fast_weights.requires_grad
        ):
            raise KernelError(
                'KERNEL_ARGUMENT',
                'delta_rule_step_: arguments must require no gradient, got one that does.',
                'Call it under torch.no_grad().',
            )
        run = chosen(q, v, implementation)
        if out is None:
            out = torch.empty_like(v, memory_format=torch.contiguous_format)
        run(q, k, v, beta, fast_weights, is_first, out)
        if not torch.compiler.is_compiling() and not fast_weights.is_inference():
            # Whoever kept the state for a backward pass is told that it has changed.
            torch.autograd.graph.increment_version(fast_weights)
    except KernelError:
        raise
    except Exception:
        # The op's own checks are all that a good call pays for; these say what was wrong with a bad one.
        check_step(q, k, v, beta, fast_weights, is_first, out)
        raise
    return out


def chosen(q: Tensor, v: Tensor, implementation: str) -> Callable[..., None]:
    """Returns the op that serves; looked up once for each kind of call."""
    key = (q.device, q.dtype, q.shape[2], v.shape[2], implementation)
    if (found := CHOSEN.get(key)) is not None and not torch.compiler.is_compiling():
        return found
    call = Call(
        device_type=q.device.type,
        device_index=q.device.index,
        dtype=q.dtype,
        weight_dtype=state_dtype(q),
        head_dim=q.shape[2],
        output_dim=v.shape[2],
        bptt='unroll',
        packed=False,
        differentiable=False,
    )
    name = choose('delta_rule_step', call, implementation)
    found = getattr(torch.ops.delta_rule, f'step_{name}_').default
    if not torch.compiler.is_compiling():
        CHOSEN[key] = found
    return found


CHOSEN: dict[tuple, Callable[..., None]] = {}


@torch.library.custom_op('delta_rule::step_reference_', mutates_args=('fast_weights', 'out'))
def step_reference_(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    fast_weights: Tensor,
    is_first: Tensor | None,
    out: Tensor,
) -> None:
    """One step of reference.py, written over its state."""
    check_step(q, k, v, beta, fast_weights, is_first, out)
    with torch.autocast(q.device.type, enabled=False):
        dtype = fast_weights.dtype
        state = fast_weights
        if is_first is not None:
            state = torch.where(is_first[:, None, None, None], 0, state)
        difference = v.to(dtype) - apply(k.to(dtype), state)
        fast_weights.copy_(state + outer(k.to(dtype), beta.to(dtype).unsqueeze(-1) * difference))
        out.copy_(apply(q.to(dtype), fast_weights))


torch.library.register_fake('delta_rule::step_reference_', check_step_devices)
register('delta_rule_step', Implementation(name='cuda', refusal=cuda_op.refusal, describe=describe_cuda))
register(
    'delta_rule_step',
    Implementation(name='triton', refusal=refusal, describe=describe_triton, reluctance=reluctance),
)
register('delta_rule_step', Implementation(name='cpu', refusal=cpu_op.refusal, describe=cpu_op.describe))
register(
    'delta_rule_step',
    Implementation(name='reference', refusal=lambda _: '', describe=lambda: 'plain torch, on any device'),
)
