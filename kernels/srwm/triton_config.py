"""Launch settings of the Triton kernels: a static table, so that a run's speed and bits do not depend on a timing."""

from __future__ import annotations

from ..triton_launch import padded

# Warps of one program by the elements of the tiles of y, q and k: D = Y = 16, 32, 64 and 128 end a row each.
WARPS = {
    'forward': {768: 1, 3072: 1, 12288: 4, 49152: 16},
    'backward': {768: 1, 3072: 4, 12288: 8, 49152: 16},
    'backward_step': {768: 1, 3072: 1, 12288: 4, 49152: 8},
}


def warps(kernel: str, head_dim: int, output_dim: int) -> int:
    """Returns num_warps of a kernel; a state beyond the table takes its most."""
    elements = padded(head_dim) * (2 * padded(head_dim) + padded(output_dim))
    table = WARPS[kernel]
    fitting = [count for size, count in table.items() if elements <= size]
    return fitting[0] if fitting else max(table.values())
