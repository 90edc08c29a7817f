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
def load_tile(p, row_stride, e, c, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Reads rows e and columns c of a matrix whose rows are dense and lie `row_stride` apart."""
    # Compared before they are spread out: the other way round costs three more layout conversions in a loop.
    inside = (e < ROWS)[:, None] & (c < COLUMNS)[None]
    return tl.load(p + e[:, None] * row_stride + c[None], mask=inside, other=0.0)


@triton.jit
def store_tile(p, row_stride, e, c, tile, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Writes rows e and columns c of such a matrix."""
    inside = (e < ROWS)[:, None] & (c < COLUMNS)[None]
    tl.store(p + e[:, None] * row_stride + c[None], tile, mask=inside)


@triton.jit
def load_at(p, row_stride, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Reads such a matrix where `rows` and `columns`, of any shapes that broadcast, say."""
    return tl.load(p + rows * row_stride + columns, mask=(rows < ROWS) & (columns < COLUMNS), other=0.0)


@triton.jit
def store_at(p, row_stride, rows, columns, tile, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Writes it there."""
    tl.store(p + rows * row_stride + columns, tile, mask=(rows < ROWS) & (columns < COLUMNS))


@triton.jit
def add_or_store_at(p, row_stride, rows, columns, tile, add, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Adds a tile to what lies there, or writes it there."""
    if add:
        tile += load_at(p, row_stride, rows, columns, ROWS, COLUMNS)
    store_at(p, row_stride, rows, columns, tile, ROWS, COLUMNS)


@triton.jit
def subtract_at(to_p, p, to_row_stride, row_stride, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Takes one such matrix, at `p`, from another where it lies."""
    tile = load_at(to_p, to_row_stride, rows, columns, ROWS, COLUMNS)
    tile -= load_at(p, row_stride, rows, columns, ROWS, COLUMNS)
    store_at(to_p, to_row_stride, rows, columns, tile, ROWS, COLUMNS)
