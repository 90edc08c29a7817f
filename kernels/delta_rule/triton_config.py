"""Launch settings of the Triton kernels: a static table, so that a run's speed and bits do not depend on a timing."""

from __future__ import annotations

from ..triton_launch import padded

# Warps of one program by the number of elements of its tile.
WARPS = {1024: 1, 4096: 4, 16384: 16}


def warps(key_size: int, value_size: int) -> int:
    """Returns num_warps of both kernels; a tile beyond the table takes its most."""
    elements = padded(key_size) * padded(value_size)
    fitting = [count for size, count in WARPS.items() if elements <= size]
    return fitting[0] if fitting else max(WARPS.values())
