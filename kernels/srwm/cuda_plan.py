"""How many warps share a chain of srwm, which sizes the CUDA kernels serve, and what they keep a step."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..cuda_launch import IO, TEAMS
from ..nvrtc import Program

# Matrix elements a lane may hold in registers before another warp joins the team, and at the very most.
COMFORTABLE, MOST = 120, 176
LARGEST_HEAD, MOST_WARPS = 64, 8


def padded(head_dim: int) -> int:
    """Returns the rows that a chain's matrices have while a kernel runs: 8, 16, 32 or 64."""
    return next(rows for rows in (8, 16, 32, 64) if head_dim <= rows)


def up(n: int, to: int) -> int:
    return -(-n // to) * to


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of one srwm call; the constants are those of columns.cuh, forward.cuh and backward.cuh."""

    head_dim: int
    output_dim: int

    @property
    def positions(self) -> int:
        return 2 * padded(self.head_dim) + self.output_dim + 4

    def saved_width(self, step: bool) -> int:
        """Returns the floats kept a step for the backward pass."""
        rows = padded(self.head_dim)
        if step:
            return 2 * rows + up(self.output_dim, 4)
        return 3 * rows + up(self.positions, 4) + 4

    def forward_elements(self, warps: int) -> int:
        return up(self.positions, 32 * warps) // (32 * warps) * padded(self.head_dim)

    def backward_slots(self, warps: int) -> int:
        free = 32 * warps - 2 * padded(self.head_dim)
        return 1 + up(max(0, self.output_dim + 4 - free), 32 * warps) // (32 * warps)

    def backward_elements(self, warps: int) -> int:
        rows = padded(self.head_dim)
        row_part = up(up(self.positions * rows, 32 * warps) // (32 * warps), 4)
        return self.backward_slots(warps) * rows + 2 * row_part

    def step_elements(self, warps: int) -> int:
        rows = padded(self.head_dim)
        return 2 * up(up(self.output_dim * rows, 32 * warps) // (32 * warps), 4)

    @property
    def forward_warps(self) -> int:
        fewest = max(1, padded(self.head_dim) // 16)
        return next((n for n in team_sizes(fewest) if self.forward_elements(n) <= COMFORTABLE), MOST_WARPS)

    @property
    def backward_warps(self) -> int:
        fewest = {8: 1, 16: 1, 32: 4, 64: 8}[padded(self.head_dim)]
        return next((n for n in team_sizes(fewest) if self.backward_elements(n) <= COMFORTABLE), MOST_WARPS)

    @property
    def step_warps(self) -> int:
        fewest = max(1, padded(self.head_dim) // 16)
        return next((n for n in team_sizes(fewest) if self.step_elements(n) <= COMFORTABLE), MOST_WARPS)

    def scratch_width(self) -> int:
        """Returns the floats a step that the final state's cotangent needs in the backward pass."""
        return 32 * self.backward_warps * (self.backward_slots(self.backward_warps) + 1)

    def refusal(self, differentiable: bool, step: bool) -> str:
        """Returns why a size is not served, or an empty string."""
        if self.head_dim > LARGEST_HEAD:
            return f'it serves head dims up to {LARGEST_HEAD}, got {self.head_dim}'
        elements = self.forward_elements(self.forward_warps)
        if differentiable and not step:
            elements = max(elements, self.backward_elements(self.backward_warps))
        if differentiable and step:
            elements = max(elements, self.step_elements(self.step_warps))
        if elements <= MOST:
            return ''
        return f'output_dim {self.output_dim} beside head_dim {self.head_dim} does not fit its registers'

    def forward(self, dtype: torch.dtype, in_place: bool = False) -> Program:
        return self._program('forward', self.forward_warps, dtype, 'true' if in_place else 'false')

    def backward(self, dtype: torch.dtype, final: bool) -> Program:
        return self._program('backward', self.backward_warps, dtype, 'true' if final else 'false')

    def backward_step(self, dtype: torch.dtype) -> Program:
        return self._program('backward_step', self.step_warps, dtype)

    def _program(self, kernel: str, warps: int, dtype: torch.dtype, *flags: str) -> Program:
        name = '_'.join(('srwm', kernel, str(self.head_dim), str(self.output_dim), *flags, IO[dtype]))
        teams = TEAMS if warps == 1 else 1
        options = ', '.join(map(str, (name, self.head_dim, self.output_dim, warps, teams, *flags, IO[dtype])))
        return Program(op='srwm', header=f'{kernel}.cuh', name=name, line=f'SRWM_{kernel.upper()}({options})')


def team_sizes(fewest: int) -> tuple[int, ...]:
    return tuple(n for n in (1, 2, 4, 8) if n >= fewest)
