"""The most that each CUDA kernel may take: tests and the benchmark row kernels/static_cuda hold it to this.

Spilled registers, local memory and atomics are to be 0 everywhere. Barriers are those of a chain's own warps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .delta_rule.cuda_plan import Plan as DeltaRulePlan
from .nvrtc import Program
from .srwm.cuda_plan import Plan


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """One kernel and its limits on every architecture."""

    program: Program
    registers: int
    barriers: bool


def ceilings() -> list[Ceiling]:
    """Returns one row a kernel of the sizes that are tuned: 8, 16, 32 and 64, input and output alike."""
    return [*srwm(), *delta_rule()]


def srwm() -> list[Ceiling]:
    rows = []
    for size, forward, acting, backward, step in (
        (8, 96, 104, 184, 96),
        (16, 96, 144, 255, 96),
        (32, 176, 192, 255, 112),
        (64, 255, 255, 255, 176),
    ):
        plan = Plan(head_dim=size, output_dim=size)
        # Up to 16 one warp holds a chain; above that a team's warps meet at barriers of their own.
        dtype, several = torch.float32, size > 16
        rows += [
            Ceiling(program=plan.forward(dtype), registers=forward, barriers=several),
            Ceiling(program=plan.forward(dtype, in_place=True), registers=acting, barriers=several),
            Ceiling(program=plan.backward(dtype, final=True), registers=backward, barriers=several),
            Ceiling(program=plan.backward_step(dtype), registers=step, barriers=several),
        ]
    return rows


def delta_rule() -> list[Ceiling]:
    """Lines of the fast weights never meet: no size has a barrier."""
    rows = []
    for size, forward, columns, in_rows in (
        (8, 72, 64, 88),
        (16, 88, 80, 96),
        (32, 144, 144, 168),
        (64, 232, 248, 248),
    ):
        plan = DeltaRulePlan(key_dim=size, value_dim=size)
        rows += [
            Ceiling(program=plan.forward(torch.float32), registers=forward, barriers=False),
            Ceiling(program=plan.columns(torch.float32), registers=columns, barriers=False),
            Ceiling(program=plan.rows(torch.float32), registers=in_rows, barriers=False),
        ]
    return rows
