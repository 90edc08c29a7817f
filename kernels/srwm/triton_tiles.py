"""The columns of one chain's weights that choose what is written, as three Triton tiles: q and k [DP,DP], beta [DP,4].

DP is D rounded up to a power of two; what lies beyond D is read as zero and never written. The columns of y, which
lie before these, are a tile of ../triton_tiles.py.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import MAX, SUM
from ..triton_tiles import load_at, store_at


@triton.jit
def load_controller(p, row_stride, D: tl.constexpr, Y: tl.constexpr, DP: tl.constexpr):
    """Reads the columns of q, k and beta of a matrix [D,C] whose rows lie `row_stride` apart."""
    e, j = tl.arange(0, DP), tl.arange(0, 4)
    return load_controller_at(p, row_stride, e[:, None], e[None], j[None], D, Y)


@triton.jit
def store_controller(p, wq, wk, wb, D: tl.constexpr, Y: tl.constexpr, DP: tl.constexpr):
    """Writes the columns of q, k and beta of a dense matrix [D,C]."""
    e, j = tl.arange(0, DP), tl.arange(0, 4)
    store_controller_at(p, e[:, None], e[None], j[None], wq, wk, wb, D, Y)


@triton.jit
def load_controller_at(p, row_stride, rows, columns, betas, D: tl.constexpr, Y: tl.constexpr):
    """Reads the three where rows, columns of q and k, and columns of beta, of shapes that broadcast, say."""
    return (
        load_at(p + Y, row_stride, rows, columns, D, D),
        load_at(p + (Y + D), row_stride, rows, columns, D, D),
        load_at(p + (Y + 2 * D), row_stride, rows, betas, D, 4),
    )


@triton.jit
def add_controller_at(p, row_stride, rows, columns, betas, wq, wk, wb, D: tl.constexpr, Y: tl.constexpr):
    """Adds what lies there to three tiles, one after the other: there are no registers for two copies of all."""
    wq += load_at(p + Y, row_stride, rows, columns, D, D)
    wk += load_at(p + (Y + D), row_stride, rows, columns, D, D)
    wb += load_at(p + (Y + 2 * D), row_stride, rows, betas, D, 4)
    return wq, wk, wb


@triton.jit
def store_controller_at(p, rows, columns, betas, wq, wk, wb, D: tl.constexpr, Y: tl.constexpr):
    """Writes them there, to a dense matrix [D,C]."""
    C: tl.constexpr = Y + 2 * D + 4
    store_at(p + Y, C, rows, columns, wq, D, D)
    store_at(p + (Y + D), C, rows, columns, wk, D, D)
    store_at(p + (Y + 2 * D), C, rows, betas, wb, D, 4)


@triton.jit
def load_x(p, rows, D: tl.constexpr, DP: tl.constexpr, SOFTMAX: tl.constexpr, ACC: tl.constexpr):
    """Reads some rows of one step's x, after the softmax over all of them if there is one."""
    x = tl.load(p + rows, mask=rows < D, other=0.0).to(ACC)
    if SOFTMAX:
        e = tl.arange(0, DP)
        whole = tl.load(p + e, mask=e < D, other=float('-inf')).to(ACC)
        top = tl.reduce(whole, 0, MAX)
        x = tl.where(rows < D, tl.exp(x - top), 0.0) / tl.reduce(tl.exp(whole - top), 0, SUM)
    return x


@triton.jit
def choose(wq, wk, wb, x, D: tl.constexpr, DP: tl.constexpr):
    """Returns q, k, all four rates, and each of them: what x makes of the weights before they change."""
    e, j = tl.arange(0, DP), tl.arange(0, 4)
    q = tl.where(e < D, tl.reduce(wq * x[:, None], 0, SUM), float('-inf'))
    k = tl.where(e < D, tl.reduce(wk * x[:, None], 0, SUM), float('-inf'))
    beta = 1.0 / (1.0 + tl.exp(-tl.reduce(wb * x[:, None], 0, SUM)))
    q = tl.exp(q - tl.reduce(q, 0, MAX))
    k = tl.exp(k - tl.reduce(k, 0, MAX))
    q = q / tl.reduce(q, 0, SUM)
    k = k / tl.reduce(k, 0, SUM)
    beta_y = tl.reduce(tl.where(j == 0, beta, 0.0), 0, SUM)
    beta_q = tl.reduce(tl.where(j == 1, beta, 0.0), 0, SUM)
    beta_k = tl.reduce(tl.where(j == 2, beta, 0.0), 0, SUM)
    beta_b = tl.reduce(tl.where(j == 3, beta, 0.0), 0, SUM)
    return q, k, beta, beta_y, beta_q, beta_k, beta_b
