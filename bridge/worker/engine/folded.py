"""The loop of an affine body, carry' = J * carry + b, as one `addcmul` a step: J and b of all steps come before it.

A value that a step selects away must leave no trace, but 0 * infinity is NaN. What the folded loop makes of that stays
in its carry to the end, as does whatever else is not finite; such a loop is run again, not folded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Combine = Callable[..., Tensor]
"""`torch.addcmul`, or a function around it."""


def folded(
    carry: Tensor,
    after: Tensor,
    factors: Sequence[Tensor],
    offsets: Sequence[Tensor],
    combine: Combine,
    *,
    reverse: bool,
) -> Tensor | None:
    """Fills `after`, the carries after each step [T, *carry], and returns the last one; None where that is not finite.

    Without autograd. Each factor and offset broadcasts to the carry.
    """
    columns = [after.unbind(0), factors, offsets]
    if reverse:
        columns = [column[::-1] for column in columns]
    now = carry
    for row, factor, offset in zip(*columns, strict=True):
        now = combine(offset, factor, now, out=row)
    # An infinite sum of finite values costs time, nothing else.
    if not math.isfinite(now.sum()):
        return None
    # A copy, as rows would share the memory of results.
    return now.clone(memory_format=torch.contiguous_format)


def steps_of(value: Tensor, after: Tensor) -> Sequence[Tensor]:
    """What each step reads of `value`, which broadcasts to `after`."""
    return value.unbind(0) if value.dim() == after.dim() else (value,) * len(after)
