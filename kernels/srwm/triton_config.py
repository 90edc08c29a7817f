"""Launch settings of the Triton kernels: a static table, so that a run's speed and bits do not depend on a timing."""

from __future__ import annotations

# Warps of one program by the padded head_dim (or output_dim, where that is larger), forward and backward.
WARPS = {
    'forward': {4: 1, 8: 1, 16: 1, 32: 1, 64: 4, 128: 16},
    'backward': {4: 1, 8: 1, 16: 1, 32: 2, 64: 8, 128: 16},
    'backward_step': {4: 1, 8: 1, 16: 1, 32: 1, 64: 4, 128: 8},
}


def warps(kernel: str, head_dim: int, output_dim: int) -> int:
    """Returns num_warps of a kernel; an output_dim beyond the table takes its most."""
    table = WARPS[kernel]
    fitting = [count for size, count in table.items() if max(head_dim, output_dim) <= size]
    return fitting[0] if fitting else max(table.values())
