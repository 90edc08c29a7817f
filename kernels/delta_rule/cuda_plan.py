"""How many warps share a chain of delta_rule in the CUDA kernels, and which sizes they serve."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..cuda_launch import IO, TEAMS
from ..nvrtc import Program

LARGEST = 128
# Numbers of a line that one lane holds at most.
PER_LANE = 64


def power_of_two(at_least: int) -> int:
    return 1 << max(0, at_least - 1).bit_length()


def warps(size: int, lines: int) -> int:
    """Returns how many warps have the lines of one chain, of `size` numbers each: Line::WARPS of lines.cuh."""
    parts = max(power_of_two(-(-size // PER_LANE)), 32 // min(32, power_of_two(lines)))
    return -(-lines // (32 // parts))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of one delta_rule call."""

    key_dim: int
    value_dim: int

    @property
    def column_warps(self) -> int:
        return warps(self.key_dim, self.value_dim)

    @property
    def row_warps(self) -> int:
        return warps(self.value_dim, self.key_dim)

    def refusal(self) -> str:
        """Returns why a size is not served, or an empty string."""
        largest = max(self.key_dim, self.value_dim)
        return '' if largest <= LARGEST else f'it serves key and value sizes up to {LARGEST}, got {largest}'

    def forward(self, dtype: torch.dtype) -> Program:
        return self._program('forward', dtype)

    def columns(self, dtype: torch.dtype) -> Program:
        return self._program('columns', dtype)

    def rows(self, dtype: torch.dtype) -> Program:
        return self._program('rows', dtype)

    def _program(self, kernel: str, dtype: torch.dtype) -> Program:
        name = '_'.join(('delta_rule', kernel, str(self.key_dim), str(self.value_dim), IO[dtype]))
        options = ', '.join(map(str, (name, self.key_dim, self.value_dim, TEAMS, IO[dtype])))
        header = 'forward.cuh' if kernel == 'forward' else 'backward.cuh'
        return Program(
            op='delta_rule', header=header, name=name, line=f'DELTA_RULE_{kernel.upper()}({options})'
        )
