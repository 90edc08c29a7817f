"""The most that each CUDA kernel of srwm may take: tests and the benchmark row kernels/static_cuda hold it to this."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..nvrtc import Program
from .cuda_plan import Plan


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """One kernel and its limits on every architecture; barriers are those of a chain's own warps.

    Spilled registers, local memory and atomics are to be 0 everywhere; `spilled_bytes` is what a kernel that misses
    that has at most.
    """

    program: Program
    registers: int
    barriers: bool
    spilled_bytes: int = 0


def ceilings() -> list[Ceiling]:
    """Returns one row a kernel of the sizes that are tuned: head_dim and output_dim 8, 16, 32 and 64."""
    rows = []
    for size, forward, backward, step, spilled in (
        (8, 96, 184, 96, 0),
        (16, 96, 255, 96, 0),
        (32, 176, 255, 112, 0),
        (64, 255, 255, 176, 64),
    ):
        plan = Plan(head_dim=size, output_dim=size)
        dtype, several = torch.float32, size > 16
        rows += [
            Ceiling(program=plan.forward(dtype), registers=forward, barriers=several),
            Ceiling(
                program=plan.backward(dtype, final=True),
                registers=backward,
                barriers=several,
                spilled_bytes=spilled,
            ),
            Ceiling(program=plan.backward_step(dtype), registers=step, barriers=several),
        ]
    return rows
