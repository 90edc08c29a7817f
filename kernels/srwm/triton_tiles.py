"""The weights of one chain as four Triton tiles: y [DP,YP], q and k [DP,DP], beta [DP,4].

DP and YP are D and Y rounded up to powers of two; what lies beyond D and Y is read as zero and never written.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load_weights(p, row_stride, D: tl.constexpr, Y: tl.constexpr, DP: tl.constexpr, YP: tl.constexpr):
    """Reads a matrix [D,C] whose rows lie `row_stride` apart."""
    e, d, y, b = (
        tl.arange(0, DP)[:, None],
        tl.arange(0, DP)[None],
        tl.arange(0, YP)[None],
        tl.arange(0, 4)[None],
    )
    row = p + e * row_stride
    square = (e < D) & (d < D)
    return (
        tl.load(row + y, mask=(e < D) & (y < Y), other=0.0),
        tl.load(row + Y + d, mask=square, other=0.0),
        tl.load(row + (Y + D) + d, mask=square, other=0.0),
        tl.load(row + (Y + 2 * D) + b, mask=(e < D) & (b < 4), other=0.0),
    )


@triton.jit
def store_weights(p, wy, wq, wk, wb, D: tl.constexpr, Y: tl.constexpr, DP: tl.constexpr, YP: tl.constexpr):
    """Writes a dense matrix [D,C]."""
    e, d, y, b = (
        tl.arange(0, DP)[:, None],
        tl.arange(0, DP)[None],
        tl.arange(0, YP)[None],
        tl.arange(0, 4)[None],
    )
    row = p + e * (Y + 2 * D + 4)
    square = (e < D) & (d < D)
    tl.store(row + y, wy, mask=(e < D) & (y < Y))
    tl.store(row + Y + d, wq, mask=square)
    tl.store(row + (Y + D) + d, wk, mask=square)
    tl.store(row + (Y + 2 * D) + b, wb, mask=(e < D) & (b < 4))
