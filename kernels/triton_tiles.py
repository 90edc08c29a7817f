"""What the Triton kernels of both ops share: which steps a program runs, and matrices as tiles.

A tile has a power of two of rows and of columns; what lies beyond the matrix is read as zero and never written.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def span(cu_p, n, T):
    """Returns the first step of sequence n, the step behind its last one, and its row of the batch."""
    if cu_p is not None:
        return tl.load(cu_p + n).to(tl.int64), tl.load(cu_p + n + 1).to(tl.int64), n * 0
    return n * 0, n * 0 + T, n


@triton.jit
def load_matrix(
    p,
    row_stride,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    TILE_ROWS: tl.constexpr,
    TILE_COLUMNS: tl.constexpr,
):
    """Reads a matrix whose rows are dense and lie `row_stride` apart."""
    e, c = tl.arange(0, TILE_ROWS)[:, None], tl.arange(0, TILE_COLUMNS)[None]
    return tl.load(p + e * row_stride + c, mask=(e < ROWS) & (c < COLUMNS), other=0.0)


@triton.jit
def store_matrix(
    p, tile, ROWS: tl.constexpr, COLUMNS: tl.constexpr, TILE_ROWS: tl.constexpr, TILE_COLUMNS: tl.constexpr
):
    """Writes a dense matrix."""
    e, c = tl.arange(0, TILE_ROWS)[:, None], tl.arange(0, TILE_COLUMNS)[None]
    tl.store(p + e * COLUMNS + c, tile, mask=(e < ROWS) & (c < COLUMNS))
