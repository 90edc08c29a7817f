"""Chooses the implementation of an op and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import KernelError


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """One way to run an op: `refusal(device type)` is empty where it serves, `describe()` says what it is."""

    name: str
    refusal: Callable[[str], str]
    describe: Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Which implementation serves a call and why; `refused` holds the reason against each one that cannot."""

    op: str
    implementation: str
    reason: str
    refused: dict[str, str]


# By op, the preferred implementation first; each op's own module adds its row.
TABLE: dict[str, tuple[Implementation, ...]] = {}


def explain(op: str, *, device: str, implementation: str = 'auto') -> Explanation:
    """Returns what `op` does on a device ("cpu", "cuda:0") when asked for `implementation`.

    Raises KernelError: KERNEL_ARGUMENT for an unknown op, KERNEL_UNSUPPORTED where the op would.
    """
    if op not in TABLE:
        raise KernelError('KERNEL_ARGUMENT', f'explain: op must be one of {list(TABLE)}, got {op!r}.')
    device_type = device.split(':')[0]
    chosen = choose(op, device_type, implementation)
    refused = {one.name: why for one in TABLE[op] if (why := one.refusal(device_type))}
    what = next(one.describe() for one in TABLE[op] if one.name == chosen)
    if implementation != 'auto':
        reason = f'asked for by name: {what}'
    elif refused:
        reason = f'{what}; ' + '; '.join(f'not {name}: {why}' for name, why in refused.items())
    else:
        reason = what
    return Explanation(op=op, implementation=chosen, reason=reason, refused=refused)


def choose(op: str, device_type: str, implementation: str) -> str:
    """Returns the implementation that serves; raises KERNEL_UNSUPPORTED where the one asked for cannot."""
    for one in TABLE[op]:
        if implementation in ('auto', one.name) and not one.refusal(device_type):
            return one.name
    raise unsupported(op, device_type, implementation)


def unsupported(op: str, device_type: str, implementation: str) -> KernelError:
    refusals = {one.name: one.refusal(device_type) for one in TABLE[op]}
    if implementation not in refusals:
        requirement = f'implementation must be one of {["auto", *refusals]}, got {implementation!r}.'
        return KernelError('KERNEL_UNSUPPORTED', f'{op}: {requirement}')
    could = [name for name, why in refusals.items() if not why]
    return KernelError(
        'KERNEL_UNSUPPORTED',
        f'{op}: implementation "{implementation}" cannot serve this call: {refusals[implementation]}.',
        f'These can: {", ".join(could)}; or pass "auto".',
    )
