"""Launch settings of the Triton kernels: a static table, so that a run's speed and bits do not depend on a timing."""

from __future__ import annotations

# Elements of a program's tile: 64 registers of a lane where a warp has 32.
TILE = 2048
# A program shares its tile with no other warp, which it would have to wait for at every step.
WARPS = 1
