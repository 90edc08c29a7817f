"""`srwm_step_`, one step of acting: no gradient, the state written in place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..checks import HALF_DTYPES
from ..cuda_launch import describe as describe_cuda
from ..dispatch import Call, Implementation, choose, register
from ..errors import KernelError
from ..triton_device import describe as describe_triton
from ..triton_device import refusal, reluctance
from . import cpu_op, cuda_op
from .reference import outer, step
from .step_arguments import check_step, check_step_devices


def srwm_step_(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor,
    is_first: Tensor | None = None,
    *,
    input_softmax: bool,
    out: Tensor | None = None,
    implementation: str = 'auto',
) -> Tensor:
    """Runs one step of `srwm` and returns y [B,H,Y]; fast_weight_delta [B,H,D,C] is written in place.

    x [B,H,D], w [H,D,C], is_first [B] bool are one step of `srwm`'s arguments; `out` [B,H,Y] of x's dtype receives y.
    fast_weight_delta and out share memory with nothing. No gradient: call it under torch.no_grad() or
    torch.inference_mode() where an argument requires one. On a GPU nothing is read by the host.
    Raises KernelError KERNEL_ARGUMENT or KERNEL_UNSUPPORTED, before anything is written.
    """
    try:
        if torch.is_grad_enabled() and (
            x.requires_grad or w.requires_grad or fast_weight_delta.requires_grad
        ):
            raise KernelError(
                'KERNEL_ARGUMENT',
                'srwm_step_: arguments must require no gradient, got one that does.',
                'Call it under torch.no_grad().',
            )
        run = chosen(x.device, x.dtype, x.shape[2], w.shape[2], implementation)
        if out is None:
            out = x.new_empty((x.shape[0], x.shape[1], w.shape[2] - 2 * x.shape[2] - 4))
        run(x, w, fast_weight_delta, is_first, input_softmax, out)
        if not torch.compiler.is_compiling() and not fast_weight_delta.is_inference():
            # Whoever kept the state for a backward pass is told that it has changed.
            torch.autograd.graph.increment_version(fast_weight_delta)
    except KernelError:
        raise
    except Exception:
        # The op's own checks are all that a good call pays for; these say what was wrong with a bad one.
        check_step(x, w, fast_weight_delta, is_first, input_softmax, out)
        raise
    return out


def chosen(
    device: torch.device, dtype: torch.dtype, head_dim: int, columns: int, implementation: str
) -> Callable[..., None]:
    """Returns the op that serves; looked up once for each kind of call."""
    key = (device, dtype, head_dim, columns, implementation)
    if (found := CHOSEN.get(key)) is not None and not torch.compiler.is_compiling():
        return found
    call = Call(
        device_type=device.type,
        device_index=device.index,
        dtype=dtype,
        weight_dtype=torch.float32 if dtype in HALF_DTYPES else dtype,
        head_dim=head_dim,
        output_dim=columns - 2 * head_dim - 4,
        bptt='unroll',
        packed=False,
        differentiable=False,
    )
    found = getattr(torch.ops.srwm, f'step_{choose("srwm_step", call, implementation)}_').default
    if not torch.compiler.is_compiling():
        CHOSEN[key] = found
    return found


CHOSEN: dict[tuple, Callable[..., None]] = {}


@torch.library.custom_op('srwm::step_reference_', mutates_args=('fast_weight_delta', 'out'))
def step_reference_(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor,
    is_first: Tensor | None,
    input_softmax: bool,
    out: Tensor,
) -> None:
    """One step of reference.py, written over its state."""
    check_step(x, w, fast_weight_delta, is_first, input_softmax, out)
    with torch.autocast(x.device.type, enabled=False):
        x_t = x.to(w.dtype)
        state = fast_weight_delta
        if is_first is not None:
            state = torch.where(is_first[:, None, None, None], 0, state)
        made = step(torch.softmax(x_t, dim=-1) if input_softmax else x_t, w + state)
        fast_weight_delta.copy_(state + outer(made.k, made.insertion))
        out.copy_(made.y)


torch.library.register_fake('srwm::step_reference_', check_step_devices)
register('srwm_step', Implementation(name='cuda', refusal=cuda_op.refusal, describe=describe_cuda))
register(
    'srwm_step',
    Implementation(name='triton', refusal=refusal, describe=describe_triton, reluctance=reluctance),
)
register('srwm_step', Implementation(name='cpu', refusal=cpu_op.refusal, describe=cpu_op.describe))
register(
    'srwm_step',
    Implementation(name='reference', refusal=lambda _: '', describe=lambda: 'plain torch, on any device'),
)
