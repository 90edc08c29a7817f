"""Launch settings of the Triton kernels: a static table, so that a run's speed and bits do not depend on a timing."""

from __future__ import annotations

from ..triton_launch import padded

# The most elements of the tiles of y, q and k that one warp holds with all it needs beside them. A chain beyond that is
# split: triton_memory.py runs the columns of y, and the kernel itself those of q, k and beta.
WHOLE = {'forward': 3072, 'backward': 768}
# Warps of the split kernel by the elements of the tiles of q and k: D = 32, 64 and 128 end a row each.
WARPS = {'forward': {2048: 1, 8192: 4, 32768: 8}, 'backward': {2048: 1, 8192: 8, 32768: 8}}
# AMD's warps have twice the lanes.
WARPS_OF_64_LANES = {'forward': {8192: 1, 32768: 8}, 'backward': {2048: 1, 8192: 4, 32768: 8}}
# The most elements of the tiles of q and k whose W the split backward kernel keeps in registers beside G, by the lanes
# of a warp. 2 x 128 x 260 numbers are more than the 65,536 registers of NVIDIA's multiprocessor, and half of AMD's.
WALKED_IN_REGISTERS = {32: 8192, 64: 32768}
# Steps between two of which a W in memory is walked back (triton_walk.py).
CHUNK = 16
# The backward kernel of bptt="step", whose loop has one sum over columns, and the step of acting: by all elements.
BPTT_STEP_WARPS = {768: 1, 3072: 1, 12288: 4, 49152: 8}
ACTING_WARPS = {768: 1, 3072: 4, 12288: 8, 49152: 16}
# Elements of a tile of triton_memory.py, whose programs are one warp each.
MEMORY_TILE = 1024


def whole(kernel: str, head_dim: int, output_dim: int) -> bool:
    """Returns whether one program of "forward" or "backward" holds all columns of a chain."""
    return elements(head_dim, output_dim) <= WHOLE[kernel]


def warps(kernel: str, head_dim: int, output_dim: int, lanes: int) -> int:
    """Returns num_warps of "forward" or "backward" on a device whose warps have so many lanes."""
    if whole(kernel, head_dim, output_dim):
        return 1
    table = (WARPS_OF_64_LANES if lanes == 64 else WARPS)[kernel]
    return first_that_fits(table, 2 * padded(head_dim) ** 2)


def tile_lanes(head_dim: int, count: int, lanes: int) -> tuple[int, int]:
    """Returns how many lanes of the backward kernel lie along rows and along columns (triton_lanes.py).

    Few along columns keep the sums over columns short, whose rows no two warps share; one warp then wastes no lane on
    beta's 4. At D = 128 more of them, since each lane also keeps some vectors with a number a column.
    """
    along_columns = 4 if count == 1 else 8 if padded(head_dim) <= 64 else 16
    return min(padded(head_dim), count * lanes // along_columns), along_columns


def walked_in_memory(head_dim: int, lanes: int) -> bool:
    """Returns whether W lies in memory in the split backward kernel, since registers cannot hold it beside G."""
    return 2 * padded(head_dim) ** 2 > WALKED_IN_REGISTERS[lanes]


def bptt_step_warps(head_dim: int, output_dim: int) -> int:
    """Returns num_warps of the backward kernel of bptt="step"."""
    return first_that_fits(BPTT_STEP_WARPS, elements(head_dim, output_dim))


def acting_warps(head_dim: int, output_dim: int) -> int:
    """Returns num_warps of the step of acting."""
    return first_that_fits(ACTING_WARPS, elements(head_dim, output_dim))


def elements(head_dim: int, output_dim: int) -> int:
    return padded(head_dim) * (2 * padded(head_dim) + padded(output_dim))


def first_that_fits(table: dict[int, int], tile: int) -> int:
    fitting = [count for size, count in table.items() if tile <= size]
    return fitting[0] if fitting else max(table.values())
