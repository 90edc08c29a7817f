"""Matrices whose rows and columns both lie over a program's lanes, for the backward kernel.

Triton gives the last axes of a tile to lanes and the first ones to a lane's registers. A tile [D,D] so puts whole rows
over the lanes: each lane then holds every row, a vector with a number a row costs as many registers as there are rows,
and a sum over columns takes five exchanges between lanes a row. The backward pass sums over columns as often as over
rows. So here a matrix is a tile [R1,C1,R,C]: row r1 R + r and column c1 C + c, of which R x C are as many as there are
lanes. A vector with a number a row is a tile [R1,R], one with a number a column a tile [C1,C].
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import SUM


@triton.jit
def numbers(SIZE: tl.constexpr, LANES: tl.constexpr, one=1):
    """Returns 0 .. SIZE - 1 as [SIZE / LANES, LANES].

    With a `one` that the compiler does not know it sees no neighbours in them, and reads no matrix in another layout.
    """
    return tl.arange(0, SIZE // LANES)[:, None] * LANES + tl.arange(0, LANES)[None] * one


@triton.jit
def of_row(v):
    """Spreads a number a row over all columns."""
    return v[:, :, None][:, None]


@triton.jit
def of_column(v):
    """Spreads a number a column over all rows."""
    return v[:, None, :][None]


@triton.jit
def over_rows(tile):
    """Returns the sum over rows, a number a column: first inside lanes, then between them."""
    return tl.reduce(tl.reduce(tile, 0, SUM), 1, SUM)


@triton.jit
def over_columns(tile):
    """Returns the sum over columns, a number a row."""
    return tl.reduce(tl.reduce(tile, 1, SUM), 2, SUM)


@triton.jit
def over_all(v):
    """Returns the sum of a vector."""
    return tl.reduce(tl.reduce(v, 0, SUM), 0, SUM)


@triton.jit
def turned(v, SIZE: tl.constexpr, LANES: tl.constexpr):
    """Returns a vector with a number a row as one with a number a column."""
    return tl.reshape(v, [SIZE // LANES, LANES])


@triton.jit
def zeros_at(p, row_stride, rows, columns, none):
    """Returns zeros in the layout of a matrix that is read; `none` is 0, which the compiler must not know.

    Triton lays a loop's tiles out as the loads are whose values they start from, and constants apart from them.
    """
    return tl.load(p + rows * row_stride + columns, mask=(rows < none) & (columns >= 0), other=0.0)


@triton.jit
def zeros_of_controller(p, row_stride, rows, columns, betas, none):
    """Returns them for the tiles of q, k and beta."""
    return (
        zeros_at(p, row_stride, rows, columns, none),
        zeros_at(p, row_stride, rows, columns, none),
        zeros_at(p, row_stride, rows, betas, none),
    )
