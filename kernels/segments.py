"""Checkpoints for long sequences: only states are kept, and a segment between two of them runs again for its gradient.

This works above an op, whatever implementation serves it: torch's checkpoint drops what the op saves for its backward
pass after each segment, and runs the segment once more when the backward pass asks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .sequences import part

# run(sequences, state, is_first, cu_seqlens) -> (outputs, states after the last step)
Run = Callable[[list[Tensor], Tensor | None, Tensor | None, Tensor | None], tuple[Tensor, Tensor]]


def in_segments(
    run: Run,
    sequences: list[Tensor],
    state: Tensor | None,
    is_first: Tensor | None,
    cu_seqlens: Tensor | None,
    every: int,
) -> tuple[Tensor, Tensor]:
    """Returns run(sequences, state, is_first, cu_seqlens), of which only the state every `every` steps is kept.

    sequences [T,B,...], state [N,...] or None. Of packed sequences one state a border is kept too: that of the sequence
    which it cuts. Reads no value on the host.
    """
    segments = list(zip(*(t.split(every) for t in sequences), strict=True))
    starts = [every * i for i in range(len(segments))]
    outputs, border, final = [], None, state
    for a, segment in zip(starts, segments, strict=True):
        b = a + len(segment[0])
        resets = part(is_first, slice(a, b))
        if cu_seqlens is None:
            output, final = again(run, list(segment), final, resets, None)
        else:
            output, border, final = packed(run, list(segment), state, border, final, resets, cu_seqlens, a, b)
        outputs.append(output)
    assert final is not None  # there is always one segment, of no steps where T is 0
    return torch.cat(outputs), final


def packed(
    run: Run,
    segment: list[Tensor],
    state: Tensor | None,
    border: Tensor | None,
    final: Tensor | None,
    resets: Tensor | None,
    cu_seqlens: Tensor,
    a: int,
    b: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the outputs of steps a to b, the state [1,...] of the sequence that b cuts, and all states so far.

    `border` is the state of the sequence that a cuts; every other one that has steps here begins here, from `state`.
    """
    lengths = (cu_seqlens - a).clamp(0, b - a)

    def run_from(
        segment: list[Tensor], state: Tensor | None, border: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        if border is not None:
            cut = at(cu_seqlens, a, border.dim())
            state = torch.where(cut, border, torch.zeros_like(border) if state is None else state)
        outputs, end = run(segment, state, resets, lengths)
        return outputs, torch.where(at(cu_seqlens, b, end.dim()), end, 0).sum(0, keepdim=True), end

    outputs, next_border, end = again(run_from, segment, state, border, resets)
    ran = column((cu_seqlens[1:] > a) & (cu_seqlens[:-1] < b), end.dim())
    return outputs, next_border, end if final is None or border is None else torch.where(ran, end, final)


def again(function: Callable, *arguments: object) -> tuple[Tensor, ...]:
    """Returns function(*arguments), which runs once more when its gradient is asked for."""
    return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)


def at(cu_seqlens: Tensor, step: int, dims: int) -> Tensor:
    """Returns bool [N,1,...], true for the sequence that step `step` belongs to."""
    return column((cu_seqlens[:-1] <= step) & (step < cu_seqlens[1:]), dims)


def column(flags: Tensor, dims: int) -> Tensor:
    """Returns flags [N] as [N,1,...] with `dims` dimensions."""
    return flags.reshape(-1, *(1,) * (dims - 1))
