"""The columns of y in Triton, where a chain's weights do not fit one warp (README.md, "Triton form").

W_y feeds neither q nor k nor beta: given those, which triton_forward.py leaves in `log`, its columns never meet, nor do
those of its gradient G_y. What the other columns' gradient needs of both (G_y insertion, W_y u, W_y dy) are sums over
columns, in which rows never meet. So every program here has some columns or some rows, is one warp and waits for no
other.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import SUM
from ..triton_tiles import load_tile, span, store_tile
from .triton_tiles import load_x


@triton.jit(do_not_specialize=['T', 'H'])
def memory_kernel(
    x_p,
    w_p,
    delta_p,
    first_p,
    cu_p,
    y_p,
    end_p,
    log_p,
    saved_p,
    T,
    B,
    H,
    x_t,
    x_b,
    x_h,
    w_h,
    w_d,
    delta_n,
    delta_h,
    delta_d,
    first_t,
    first_b,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    INPUT_SOFTMAX: tl.constexpr,
):
    """BLOCKS programs a chain, forward. `delta_p`, `first_p`, `cu_p` and `saved_p` may be None.

    log [B,H,T,4D+Y+8] holds q, k and beta of every step and gets the insertion of y; saved [B,H,T,D+Y] gets what
    bptt="step" keeps.
    """
    ACC: tl.constexpr = w_p.dtype.element_ty
    C: tl.constexpr = Y + 2 * D + 4
    WIDTH: tl.constexpr = 4 * D + Y + 8
    chain = (tl.program_id(0) // BLOCKS).to(tl.int64)
    block = tl.program_id(0) % BLOCKS
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = tl.arange(0, DP), block * BLOCK + tl.arange(0, BLOCK)
    w_p += h * w_h
    end_p += chain * (D * C)
    x_p += b * x_b + h * x_h
    y_p += (b * H + h) * Y
    y_t = tl.cast(B, tl.int64) * H * Y
    log_p += (b * H + h) * T * WIDTH
    w = load_tile(w_p, w_d, e, c, D, Y)
    if delta_p is not None:
        delta_p += n * delta_n + h * delta_h
        w += load_tile(delta_p, delta_d, e, c, D, Y)

    for t in range(begin, end):
        if first_p is not None:
            if tl.load(first_p + t * first_t + b * first_b) != 0:
                w = load_tile(w_p, w_d, e, c, D, Y)
        x = load_x(x_p + t * x_t, e, D, DP, INPUT_SOFTMAX, ACC)
        row = log_p + t * WIDTH
        q = tl.load(row + e, mask=e < D, other=0.0)
        k = tl.load(row + D + e, mask=e < D, other=0.0)
        beta = tl.load(row + (4 * D + Y + 4))
        tl.store(y_p + t * y_t + c, tl.reduce(w * x[:, None], 0, SUM), mask=c < Y)
        insertion = beta * tl.reduce(w * (q - k)[:, None], 0, SUM)
        w += k[:, None] * insertion[None]
        tl.store(row + 4 * D + c, insertion, mask=c < Y)
        if saved_p is not None:
            kept = saved_p + ((b * H + h) * T + t) * (D + Y)
            tl.store(kept + e, k, mask=e < tl.where(block == 0, D, 0))
            tl.store(kept + D + c, insertion, mask=c < Y)

    if begin < end:
        store_tile(end_p, C, e, c, w - load_tile(w_p, w_d, e, c, D, Y), D, Y)
    elif delta_p is not None:
        store_tile(end_p, C, e, c, load_tile(delta_p, delta_d, e, c, D, Y), D, Y)
    else:
        store_tile(end_p, C, e, c, w * 0, D, Y)


@triton.jit(do_not_specialize=['T', 'H'])
def memory_columns_kernel(
    dy_p,
    dend_p,
    x_p,
    first_p,
    cu_p,
    saved_p,
    v_p,
    dw_p,
    ddelta_p,
    T,
    B,
    H,
    dy_t,
    dy_b,
    dy_h,
    dend_n,
    dend_h,
    dend_d,
    x_t,
    x_b,
    x_h,
    first_t,
    first_b,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    INPUT_SOFTMAX: tl.constexpr,
):
    """BLOCKS programs a chain, backward: v = k G_y of every step, and the columns of y of dw and ddelta.

    `dy_p`, `dend_p`, `first_p`, `cu_p` and `ddelta_p` may be None. v is [B,H,T,Y]; dw [N,H,D,C] is
    the chain's own part.
    """
    ACC: tl.constexpr = v_p.dtype.element_ty
    C: tl.constexpr = Y + 2 * D + 4
    WIDTH: tl.constexpr = 4 * D + Y + 8
    chain = (tl.program_id(0) // BLOCKS).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = tl.arange(0, DP), tl.program_id(0) % BLOCKS * BLOCK + tl.arange(0, BLOCK)
    at = (b * H + h) * T
    x_p += b * x_b + h * x_h
    if dy_p is not None:
        dy_p += b * dy_b + h * dy_h

    # The updates alone are w's share: their sum never cancels against the cotangent of the final state.
    g = tl.full([DP, BLOCK], 0.0, ACC)
    total = g
    if dend_p is not None:
        g = load_tile(dend_p + n * dend_n + h * dend_h, dend_d, e, c, D, Y)
    for i in range(end - begin):
        t = end - 1 - i
        row = saved_p + (at + t) * WIDTH
        q = tl.load(row + e, mask=e < D, other=0.0)
        k = tl.load(row + D + e, mask=e < D, other=0.0)
        beta = tl.load(row + (4 * D + Y + 4))
        v = tl.reduce(g * k[:, None], 0, SUM)
        tl.store(v_p + (at + t) * Y + c, v, mask=c < Y)
        update = (q - k)[:, None] * (beta * v)[None]
        if dy_p is not None:
            x = load_x(x_p + t * x_t, e, D, DP, INPUT_SOFTMAX, ACC)
            dy = tl.load(dy_p + t * dy_t + c, mask=c < Y, other=0.0).to(ACC)
            update += x[:, None] * dy[None]
        g += update
        total += update
        if first_p is not None:
            g = tl.where(tl.load(first_p + t * first_t + b * first_b) != 0, 0.0, g)
    store_tile(dw_p + chain * (D * C), C, e, c, total, D, Y)
    if ddelta_p is not None:
        store_tile(ddelta_p + chain * (D * C), C, e, c, g, D, Y)


@triton.jit(do_not_specialize=['T', 'H'])
def memory_rows_kernel(
    dy_p,
    dend_p,
    x_p,
    w_p,
    delta_p,
    first_p,
    cu_p,
    saved_p,
    v_p,
    sums_p,
    T,
    B,
    H,
    dy_t,
    dy_b,
    dy_h,
    dend_n,
    dend_h,
    dend_d,
    x_t,
    x_b,
    x_h,
    w_h,
    w_d,
    delta_n,
    delta_h,
    delta_d,
    first_t,
    first_b,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    YP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    INPUT_SOFTMAX: tl.constexpr,
):
    """BLOCKS programs a chain, backward: G_y insertion, W_y u, W_y dy and v . insertion of every step.

    They go to sums [B,H,T,3D+1]. `dy_p`, `dend_p`, `delta_p`, `first_p` and `cu_p` may be None. G_y is walked back, W_y
    forwards, by the additions of the forward pass.
    """
    ACC: tl.constexpr = v_p.dtype.element_ty
    WIDTH: tl.constexpr = 4 * D + Y + 8
    SUMS: tl.constexpr = 3 * D + 1
    chain = (tl.program_id(0) // BLOCKS).to(tl.int64)
    block = tl.program_id(0) % BLOCKS
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = block * BLOCK + tl.arange(0, BLOCK), tl.arange(0, YP)
    at = (b * H + h) * T
    x_p += b * x_b + h * x_h
    w_p += h * w_h
    if dy_p is not None:
        dy_p += b * dy_b + h * dy_h
    if first_p is not None:
        first_p += b * first_b

    g = tl.full([BLOCK, YP], 0.0, ACC)
    if dend_p is not None:
        g = load_tile(dend_p + n * dend_n + h * dend_h, dend_d, e, c, D, Y)
    for i in range(end - begin):
        t = end - 1 - i
        row = saved_p + (at + t) * WIDTH
        to = sums_p + (at + t) * SUMS
        q = tl.load(row + e, mask=e < D, other=0.0)
        k = tl.load(row + D + e, mask=e < D, other=0.0)
        insertion = tl.load(row + 4 * D + c, mask=c < Y, other=0.0)
        beta = tl.load(row + (4 * D + Y + 4))
        v = tl.load(v_p + (at + t) * Y + c, mask=c < Y, other=0.0)
        tl.store(to + e, tl.reduce(g * insertion[None], 1, SUM), mask=e < D)
        tl.store(to + 3 * D, tl.reduce(v * insertion, 0, SUM), mask=block == 0)
        g += (q - k)[:, None] * (beta * v)[None]
        if dy_p is not None:
            x = load_x(x_p + t * x_t, e, D, DP, INPUT_SOFTMAX, ACC)
            dy = tl.load(dy_p + t * dy_t + c, mask=c < Y, other=0.0).to(ACC)
            g += x[:, None] * dy[None]
        if first_p is not None:
            g = tl.where(tl.load(first_p + t * first_t) != 0, 0.0, g)

    w = load_tile(w_p, w_d, e, c, D, Y)
    if delta_p is not None:
        w += load_tile(delta_p + n * delta_n + h * delta_h, delta_d, e, c, D, Y)
    for t in range(begin, end):
        if first_p is not None:
            if tl.load(first_p + t * first_t) != 0:
                w = load_tile(w_p, w_d, e, c, D, Y)
        row = saved_p + (at + t) * WIDTH
        to = sums_p + (at + t) * SUMS
        k = tl.load(row + D + e, mask=e < D, other=0.0)
        insertion = tl.load(row + 4 * D + c, mask=c < Y, other=0.0)
        beta = tl.load(row + (4 * D + Y + 4))
        v = tl.load(v_p + (at + t) * Y + c, mask=c < Y, other=0.0)
        tl.store(to + D + e, tl.reduce(w * (beta * v)[None], 1, SUM), mask=e < D)
        dx = tl.full([BLOCK], 0.0, ACC)
        if dy_p is not None:
            dy = tl.load(dy_p + t * dy_t + c, mask=c < Y, other=0.0).to(ACC)
            dx = tl.reduce(w * dy[None], 1, SUM)
        tl.store(to + 2 * D + e, dx, mask=e < D)
        w += k[:, None] * insertion[None]
