"""Chooses the implementation of an op and says why."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import KernelError

# In the order of preference; the reference serves every device and is last.
IMPLEMENTATIONS = {'srwm': ('cpu', 'reference')}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Which implementation serves a call and why; `refused` gives the reason against each one before it."""

    op: str
    implementation: str
    reason: str
    refused: dict[str, str]


def explain(op: str, *, device: str, implementation: str = 'auto') -> Explanation:
    """Returns what `op` does on a device ("cpu", "cuda:0") when asked for `implementation`; raises as the op would."""
    device_type = device.split(':')[0]
    chosen = choose(op, device_type, implementation)
    refused = {name: why for name in IMPLEMENTATIONS[op] if (why := refusal(name, device_type))}
    if implementation != 'auto':
        reason = f'asked for by name ("{implementation}")'
    elif chosen == 'cpu':
        from .srwm.cpu_op import instruction_set

        reason = f'compiled kernels for this processor (float32: {instruction_set()})'
    else:
        reason = 'nothing faster serves: ' + '; '.join(f'{name}: {why}' for name, why in refused.items())
    return Explanation(op=op, implementation=chosen, reason=reason, refused=refused)


def choose(op: str, device_type: str, implementation: str) -> str:
    """Returns the implementation that serves; raises KERNEL_UNSUPPORTED where the one asked for cannot."""
    if op not in IMPLEMENTATIONS:
        raise KernelError('KERNEL_ARGUMENT', f'explain: op must be one of {list(IMPLEMENTATIONS)}, got {op!r}.')
    names = IMPLEMENTATIONS[op]
    if implementation == 'auto':
        return next(name for name in names if not refusal(name, device_type))
    if implementation not in names:
        raise KernelError(
            'KERNEL_UNSUPPORTED', f'{op}: implementation must be one of {["auto", *names]}, got {implementation!r}.'
        )
    why = refusal(implementation, device_type)
    if why:
        could = [name for name in names if not refusal(name, device_type)]
        raise KernelError(
            'KERNEL_UNSUPPORTED',
            f'{op}: implementation "{implementation}" cannot serve this call: {why}.',
            f'These can: {", ".join(could)}; or pass "auto".',
        )
    return implementation


def refusal(implementation: str, device_type: str) -> str:
    """Returns why an implementation cannot serve a device, or an empty string."""
    if implementation == 'reference':
        return ''
    # Fake and meta tensors must see the op that will run, so a traced graph is the graph of its device.
    if device_type != 'cpu':
        return f'it runs on cpu tensors, got {device_type}'
    from .srwm.cpu_op import missing

    return missing()
