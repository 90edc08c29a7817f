"""The forward recurrence of one chain in Triton (README.md, "Triton form"): the state stays in registers.

Without WITH_Y it holds only the columns that choose what is written; triton_memory.py then runs those of y behind it.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import MAX, SUM
from ..triton_tiles import load_tile, span, store_tile, subtract_at
from .triton_tiles import choose, load_controller, store_controller, store_controller_at


@triton.jit(do_not_specialize=['T', 'H'])
def forward_kernel(
    x_p,
    w_p,
    delta_p,
    first_p,
    cu_p,
    y_p,
    end_p,
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
    YP: tl.constexpr,
    INPUT_SOFTMAX: tl.constexpr,
    STEP: tl.constexpr,
    WITH_Y: tl.constexpr,
):
    """One program a chain; `delta_p`, `first_p`, `cu_p` and `saved_p` may be None. saved is [B,H,T,width]."""
    ACC: tl.constexpr = w_p.dtype.element_ty
    C: tl.constexpr = Y + 2 * D + 4
    WIDTH: tl.constexpr = D + Y if STEP else 4 * D + Y + 8
    chain = tl.program_id(0).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c, j = tl.arange(0, DP), tl.arange(0, YP), tl.arange(0, 4)

    w_p += h * w_h
    end_p += chain * (D * C)
    wq, wk, wb = load_controller(w_p, w_d, D, Y, DP)
    if WITH_Y:
        wy = load_tile(w_p, w_d, e, c, D, Y)
    if delta_p is not None:
        delta_p += n * delta_n + h * delta_h
        aq, ak, ab = load_controller(delta_p, delta_d, D, Y, DP)
        wq, wk, wb = wq + aq, wk + ak, wb + ab
        if WITH_Y:
            wy += load_tile(delta_p, delta_d, e, c, D, Y)

    x_p += begin * x_t + b * x_b + h * x_h
    y_p += ((begin * B + b) * H + h) * Y
    # The loads of a step are made one step ahead: the recurrence would wait for them.
    x_next = tl.load(x_p + e, mask=e < tl.where(begin < end, D, 0), other=0.0)
    if first_p is not None:
        first_p += begin * first_t + b * first_b
        first_next = tl.load(first_p, mask=begin < end, other=0)
    if saved_p is not None:
        saved_p += ((b * H + h) * T + begin) * WIDTH
    for t in range(begin, end):
        x = x_next.to(ACC)
        x_p += x_t
        x_next = tl.load(x_p + e, mask=e < tl.where(t + 1 < end, D, 0), other=0.0)
        if first_p is not None:
            first = first_next
            first_p += first_t
            first_next = tl.load(first_p, mask=t + 1 < end, other=0)
            if first != 0:
                # A flag is 0 or 1, so nothing is added; but the compiler cannot know, and does not compute the
                # addresses of all matrices before the loop, to keep them in registers.
                nothing = (first >> 1).to(tl.int32)
                wq, wk, wb = load_controller(w_p + nothing, w_d + nothing, D, Y, DP)
                if WITH_Y:
                    wy = load_tile(w_p + nothing, w_d + nothing, e, c, D, Y)
        if INPUT_SOFTMAX:
            x = tl.where(e < D, x, float('-inf'))
            x = tl.exp(x - tl.reduce(x, 0, MAX))
            x = x / tl.reduce(x, 0, SUM)

        if WITH_Y:
            tl.store(y_p + c, tl.reduce(wy * x[:, None], 0, SUM), mask=c < Y)
        q, k, beta, beta_y, beta_q, beta_k, beta_b = choose(wq, wk, wb, x, D, DP)

        difference = (q - k)[:, None]
        if WITH_Y:
            in_y = beta_y * tl.reduce(wy * difference, 0, SUM)
            wy += k[:, None] * in_y[None]
        in_q = beta_q * tl.reduce(wq * difference, 0, SUM)
        wq += k[:, None] * in_q[None]
        in_k = beta_k * tl.reduce(wk * difference, 0, SUM)
        wk += k[:, None] * in_k[None]
        in_b = beta_b * tl.reduce(wb * difference, 0, SUM)
        wb += k[:, None] * in_b[None]

        y_p += tl.cast(B, tl.int64) * H * Y
        if saved_p is not None:
            if STEP:
                tl.store(saved_p + e, k, mask=e < D)
                tl.store(saved_p + D + c, in_y, mask=c < Y)
            else:
                tl.store(saved_p + e, q, mask=e < D)
                tl.store(saved_p + D + e, k, mask=e < D)
                tl.store(saved_p + 2 * D + e, in_q, mask=e < D)
                tl.store(saved_p + 3 * D + e, in_k, mask=e < D)
                if WITH_Y:
                    tl.store(saved_p + 4 * D + c, in_y, mask=c < Y)
                tl.store(saved_p + (4 * D + Y) + j, in_b)
                tl.store(saved_p + (4 * D + Y + 4) + j, beta)
            saved_p += WIDTH

    if begin < end:
        if DP <= 64:
            oq, ok, ob = load_controller(w_p, w_d, D, Y, DP)
            store_controller(end_p, wq - oq, wk - ok, wb - ob, D, Y, DP)
            if WITH_Y:
                store_tile(end_p, C, e, c, wy - load_tile(w_p, w_d, e, c, D, Y), D, Y)
        else:
            # No columns of y are here at this size. Registers do not hold W and w: W is written, and w taken from it
            # where it lies. Rows are multiplied by 1, which the compiler cannot know, or it would keep the addresses
            # of before the loop in registers for here.
            rows = (e * ((H < 1).to(tl.int32) + 1))[:, None]
            columns = tl.arange(0, DP)[None]
            store_controller_at(end_p, rows, columns, j[None], wq, wk, wb, D, Y)
            # Another thread of this program may read what this one wrote.
            tl.debug_barrier()
            subtract_at(end_p + Y, w_p + Y, C, w_d, rows, columns, D, D)
            subtract_at(end_p + (Y + D), w_p + (Y + D), C, w_d, rows, columns, D, D)
            subtract_at(end_p + (Y + 2 * D), w_p + (Y + 2 * D), C, w_d, rows, j[None], D, 4)
    elif delta_p is not None:
        # The state itself, not (w + state) - w: a sequence of no steps changes no bit of it.
        aq, ak, ab = load_controller(delta_p, delta_d, D, Y, DP)
        store_controller(end_p, aq, ak, ab, D, Y, DP)
        if WITH_Y:
            store_tile(end_p, C, e, c, load_tile(delta_p, delta_d, e, c, D, Y), D, Y)
    else:
        store_controller(end_p, wq * 0, wk * 0, wb * 0, D, Y, DP)
        if WITH_Y:
            store_tile(end_p, C, e, c, wy * 0, D, Y)
