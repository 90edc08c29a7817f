"""Chooses the implementation of an op for a call and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from .checks import HALF_DTYPES, check_bptt, wrong
from .errors import KernelError

DTYPES = (torch.float32, torch.float64, *HALF_DTYPES)
# `auto` takes the first of these that serves the call.
PREFERENCE = ('cuda', 'triton', 'cpu', 'reference')


class Call(NamedTuple):
    """What an implementation may ask of a call before it says whether it serves it; no tensor among it.

    `dtype` is that of the sequence (x, or q, k, v), `weight_dtype` that of the state and of what is saved.
    `differentiable` is False where no gradient will be asked for.
    """

    device_type: str
    device_index: int | None
    dtype: torch.dtype
    weight_dtype: torch.dtype
    head_dim: int
    output_dim: int
    bptt: str
    packed: bool
    differentiable: bool


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """One way to run an op: `refusal(call)` is empty where it serves the call, `describe()` says what it is.

    `reluctance(call)` says why `auto` passes it over although it would serve. They run on every call or in
    `explain`, also under torch.compile: what they look up (a compiler, a device) they look up once and hand out
    through torch.compiler.assume_constant_result.
    """

    name: str
    refusal: Callable[[Call], str]
    describe: Callable[[], str]
    reluctance: Callable[[Call], str] = lambda _: ''

    def objection(self, call: Call, implementation: str) -> str:
        """Returns why a call that asks for `implementation` does not get this one, or an empty string."""
        return self.refusal(call) or (self.reluctance(call) if implementation == 'auto' else '')


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Which implementation serves a call and why; `refused` holds the reason against each one that does not."""

    op: str
    implementation: str
    reason: str
    refused: dict[str, str]


# By op, the preferred implementation first.
TABLE: dict[str, tuple[Implementation, ...]] = {}


def register(op: str, implementation: Implementation) -> None:
    """Adds an implementation to `op`, in the order of PREFERENCE."""
    rows = (*(one for one in TABLE.get(op, ()) if one.name != implementation.name), implementation)
    TABLE[op] = tuple(sorted(rows, key=lambda one: PREFERENCE.index(one.name)))


def explain(
    op: str,
    *,
    device: str | torch.device,
    dtype: torch.dtype = torch.float32,
    head_dim: int = 16,
    output_dim: int | None = None,
    bptt: str = 'unroll',
    packed: bool = False,
    differentiable: bool = True,
    implementation: str = 'auto',
) -> Explanation:
    """Returns what serves `op` on a device ("cpu", "cuda:0") when asked for `implementation`, and why.

    The other arguments describe the call; what is left out is the paper's call (float32, head_dim 16, output_dim
    equal to it). Runs nothing. Raises KernelError: KERNEL_ARGUMENT for what describes no call, KERNEL_UNSUPPORTED
    where the op would.
    """
    if not isinstance(op, str) or op not in TABLE:
        raise wrong('explain', 'op', f'be one of {list(TABLE)}', repr(op))
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):
        raise wrong('explain', 'device', 'name a device', repr(device)) from None
    if dtype not in DTYPES:
        raise wrong('explain', 'dtype', f'be one of {list(DTYPES)}', repr(dtype))
    for label, size in (
        ('head_dim', head_dim),
        ('output_dim', head_dim if output_dim is None else output_dim),
    ):
        if type(size) is not int or size < 1:
            raise wrong('explain', label, 'be a whole number of at least 1', repr(size))
    check_bptt('explain', bptt)
    call = Call(
        device_type=place.type,
        device_index=place.index,
        dtype=dtype,
        weight_dtype=dtype if dtype == torch.float64 else torch.float32,
        head_dim=head_dim,
        output_dim=head_dim if output_dim is None else output_dim,
        bptt=bptt,
        packed=packed,
        differentiable=differentiable,
    )
    chosen = choose(op, call, implementation)
    refused = {one.name: why for one in TABLE[op] if (why := one.objection(call, implementation))}
    what = next(one.describe() for one in TABLE[op] if one.name == chosen)
    if implementation != 'auto':
        reason = f'asked for by name: {what}'
    elif refused:
        reason = f'{what}; ' + '; '.join(f'not {name}: {why}' for name, why in refused.items())
    else:
        reason = what
    return Explanation(op=op, implementation=chosen, reason=reason, refused=refused)


def choose(op: str, call: Call, implementation: str) -> str:
    """Returns the implementation that serves; raises KERNEL_UNSUPPORTED where the one asked for cannot."""
    for one in TABLE[op]:
        if implementation in ('auto', one.name) and not one.objection(call, implementation):
            return one.name
    raise unsupported(op, call, implementation)


def unsupported(op: str, call: Call, implementation: str) -> KernelError:
    refusals = {one.name: one.refusal(call) for one in TABLE[op]}
    if implementation not in refusals:
        requirement = f'implementation must be one of {["auto", *refusals]}, got {implementation!r}.'
        return KernelError('KERNEL_UNSUPPORTED', f'{op}: {requirement}')
    could = [one.name for one in TABLE[op] if not one.objection(call, 'auto')]
    return KernelError(
        'KERNEL_UNSUPPORTED',
        f'{op}: implementation "{implementation}" cannot serve this call: {refusals[implementation]}.',
        f'These can: {", ".join(could)}; or pass "auto".',
    )
