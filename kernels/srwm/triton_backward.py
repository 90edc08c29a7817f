"""The analytic backward pass of one chain in Triton (README.md, "Backward" and "Triton form").

Episodes are walked from the last to the first. The last one starts from the final state; every other one's end is
rebuilt from its start, so that the loop over the steps of an episode has no branch. Without WITH_Y the columns of y are
not here: triton_memory.py has left what they add to each step.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import MAX, SUM
from ..triton_tiles import load_tile, span, store_tile
from .triton_tiles import load_controller, load_x, store_controller


@triton.jit
def episode_start(first_p, first_t, begin, last, BLOCK: tl.constexpr):
    """Returns the latest step before `last` that starts an episode, at the earliest `begin`."""
    if first_p is None:
        return begin
    found = begin
    top = last
    while top > begin:
        t = top - BLOCK + tl.arange(0, BLOCK)
        first = tl.load(first_p + t * first_t, mask=t >= begin, other=0)
        found = tl.reduce(tl.where(first != 0, t, begin), 0, MAX)
        top = tl.where(found > begin, begin, top - BLOCK)
    return found


@triton.jit(do_not_specialize=['T', 'H'])
def backward_kernel(
    dy_p,
    ddelta_out_p,
    x_p,
    w_p,
    delta_p,
    delta_out_p,
    first_p,
    cu_p,
    saved_p,
    sums_p,
    dx_p,
    dw_p,
    ddelta_p,
    T,
    B,
    H,
    dy_t,
    dy_b,
    dy_h,
    ddelta_out_n,
    ddelta_out_h,
    ddelta_out_d,
    x_t,
    x_b,
    x_h,
    w_h,
    w_d,
    delta_n,
    delta_h,
    delta_d,
    delta_out_n,
    delta_out_h,
    delta_out_d,
    first_t,
    first_b,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    YP: tl.constexpr,
    INPUT_SOFTMAX: tl.constexpr,
    WITH_Y: tl.constexpr,
):
    """One program a chain, bptt="unroll". `dy_p`, `ddelta_out_p`, `delta_p`, `first_p`, `cu_p`, `ddelta_p` may be None.

    dw [N,H,D,C] is the chain's own part, to be summed over N. sums [B,H,T,3D+1] is read without WITH_Y only.
    """
    ACC: tl.constexpr = w_p.dtype.element_ty
    C: tl.constexpr = Y + 2 * D + 4
    WIDTH: tl.constexpr = 4 * D + Y + 8
    chain = tl.program_id(0).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c, j = tl.arange(0, DP), tl.arange(0, YP), tl.arange(0, 4)
    w_p += h * w_h
    dw_p += chain * (D * C)
    x_p += b * x_b + h * x_h
    dx_p += (b * H + h) * D
    dx_t = tl.cast(B, tl.int64) * H * D
    saved_p += (b * H + h) * T * WIDTH
    if dy_p is not None:
        dy_p += b * dy_b + h * dy_h
    if first_p is not None:
        first_p += b * first_b
    if delta_p is not None:
        delta_p += n * delta_n + h * delta_h
    if ddelta_out_p is not None:
        ddelta_out_p += n * ddelta_out_n + h * ddelta_out_h

    # G is split: gy .. gb hold the updates since the episode's end, which are w's share of it; the cotangent of the
    # final state stays in memory and is added where G is read, as long as the episode is the last one.
    if WITH_Y:
        gy = tl.full([DP, YP], 0.0, ACC)
    gq = tl.full([DP, DP], 0.0, ACC)
    gk = tl.full([DP, DP], 0.0, ACC)
    gb = tl.full([DP, 4], 0.0, ACC)
    if begin == end:
        store_controller(dw_p, gq, gk, gb, D, Y, DP)
        if WITH_Y:
            store_tile(dw_p, C, e, c, gy, D, Y)
        if ddelta_p is not None:
            to = ddelta_p + chain * (D * C)
            if ddelta_out_p is not None:
                zq, zk, zb = load_controller(ddelta_out_p, ddelta_out_d, D, Y, DP)
                store_controller(to, zq, zk, zb, D, Y, DP)
                if WITH_Y:
                    store_tile(to, C, e, c, load_tile(ddelta_out_p, ddelta_out_d, e, c, D, Y), D, Y)
            else:
                store_controller(to, gq, gk, gb, D, Y, DP)
                if WITH_Y:
                    store_tile(to, C, e, c, gy, D, Y)

    last = end
    while last > begin:
        start = episode_start(first_p, first_t, begin, last, 128)
        carried = True
        if first_p is not None:
            carried = tl.load(first_p + start * first_t) == 0

        # The weights behind the episode's last step. Nothing is added to the addresses, as the compiler cannot know:
        # else it would keep those of all matrices in registers from episode to episode.
        nothing = (last > end).to(tl.int32)
        here_p, dw_here_p = w_p + nothing, dw_p + nothing
        wq, wk, wb = load_controller(here_p, w_d, D, Y, DP)
        if WITH_Y:
            wy = load_tile(here_p, w_d, e, c, D, Y)
        if last == end:
            final_p = delta_out_p + n * delta_out_n + h * delta_out_h + nothing
            aq, ak, ab = load_controller(final_p, delta_out_d, D, Y, DP)
            wq, wk, wb = wq + aq, wk + ak, wb + ab
            if WITH_Y:
                wy += load_tile(final_p, delta_out_d, e, c, D, Y)
        else:
            if delta_p is not None:
                if carried:
                    aq, ak, ab = load_controller(delta_p + nothing, delta_d, D, Y, DP)
                    wq, wk, wb = wq + aq, wk + ak, wb + ab
                    if WITH_Y:
                        wy += load_tile(delta_p + nothing, delta_d, e, c, D, Y)
            for t in range(start, last):
                row = saved_p + t * WIDTH
                k = tl.load(row + D + e, mask=e < D, other=0.0)[:, None]
                if WITH_Y:
                    wy += k * tl.load(row + 4 * D + c, mask=c < Y, other=0.0)[None]
                wq += k * tl.load(row + 2 * D + e, mask=e < D, other=0.0)[None]
                wk += k * tl.load(row + 3 * D + e, mask=e < D, other=0.0)[None]
                wb += k * tl.load(row + (4 * D + Y) + j)[None]

        for i in range(last - start):
            t = last - 1 - i
            row = saved_p + t * WIDTH
            q = tl.load(row + e, mask=e < D, other=0.0)
            k = tl.load(row + D + e, mask=e < D, other=0.0)
            in_q = tl.load(row + 2 * D + e, mask=e < D, other=0.0)[None]
            in_k = tl.load(row + 3 * D + e, mask=e < D, other=0.0)[None]
            in_b = tl.load(row + (4 * D + Y) + j)[None]
            beta = tl.load(row + (4 * D + Y + 4) + j)
            beta_q = tl.load(row + (4 * D + Y + 5))
            beta_k = tl.load(row + (4 * D + Y + 6))
            beta_b = tl.load(row + (4 * D + Y + 7))

            v_q, v_k = tl.reduce(gq * k[:, None], 0, SUM), tl.reduce(gk * k[:, None], 0, SUM)
            v_b = tl.reduce(gb * k[:, None], 0, SUM)
            p = tl.reduce(gq * in_q + gk * in_k, 1, SUM) + tl.reduce(gb * in_b, 1, SUM)
            if ddelta_out_p is not None:
                if last == end:
                    zq, zk, zb = load_controller(ddelta_out_p, ddelta_out_d, D, Y, DP)
                    v_q += tl.reduce(zq * k[:, None], 0, SUM)
                    v_k += tl.reduce(zk * k[:, None], 0, SUM)
                    v_b += tl.reduce(zb * k[:, None], 0, SUM)
                    p += tl.reduce(zq * in_q + zk * in_k, 1, SUM) + tl.reduce(zb * in_b, 1, SUM)
            u_q, u_k, u_b = (beta_q * v_q)[None], (beta_k * v_k)[None], (beta_b * v_b)[None]
            wq -= k[:, None] * in_q
            wk -= k[:, None] * in_k
            wb -= k[:, None] * in_b
            r = tl.reduce(wq * u_q + wk * u_k, 1, SUM) + tl.reduce(wb * u_b, 1, SUM)
            if WITH_Y:
                in_y = tl.load(row + 4 * D + c, mask=c < Y, other=0.0)[None]
                beta_y = tl.load(row + (4 * D + Y + 4))
                v_y = tl.reduce(gy * k[:, None], 0, SUM)
                p += tl.reduce(gy * in_y, 1, SUM)
                if ddelta_out_p is not None:
                    if last == end:
                        zy = load_tile(ddelta_out_p, ddelta_out_d, e, c, D, Y)
                        v_y += tl.reduce(zy * k[:, None], 0, SUM)
                        p += tl.reduce(zy * in_y, 1, SUM)
                u_y = (beta_y * v_y)[None]
                wy -= k[:, None] * in_y
                r += tl.reduce(wy * u_y, 1, SUM)
                part_y = tl.reduce(v_y[None] * in_y, 1, SUM)
            else:
                of_y = sums_p + ((b * H + h) * T + t) * (3 * D + 1)
                p += tl.load(of_y + e, mask=e < D, other=0.0)
                r += tl.load(of_y + D + e, mask=e < D, other=0.0)
                part_y = tl.load(of_y + 3 * D)

            p -= r
            dq = (q * (r - tl.reduce(q * r, 0, SUM)))[None]
            dk = (k * (p - tl.reduce(k * p, 0, SUM)))[None]
            part_q = tl.reduce(v_q[None] * in_q, 1, SUM)
            part_k = tl.reduce(v_k[None] * in_k, 1, SUM)
            part_b = tl.reduce(v_b[None] * in_b, 1, SUM)
            db = tl.where(j == 0, part_y, tl.where(j == 1, part_q, tl.where(j == 2, part_k, part_b)))
            db = ((1.0 - beta) * db)[None]
            dx = tl.reduce(wq * dq + wk * dk, 1, SUM) + tl.reduce(wb * db, 1, SUM)
            # Read no earlier: until here it would cost registers that a chain of 32 x 68 numbers lacks.
            x = load_x(x_p + t * x_t, e, D, DP, INPUT_SOFTMAX, ACC)
            difference, x_column = (q - k)[:, None], x[:, None]
            gq += difference * u_q + x_column * dq
            gk += difference * u_k + x_column * dk
            gb += difference * u_b + x_column * db
            if WITH_Y:
                gy += difference * u_y
                if dy_p is not None:
                    dy = tl.load(dy_p + t * dy_t + c, mask=c < Y, other=0.0).to(ACC)[None]
                    dx += tl.reduce(wy * dy, 1, SUM)
                    gy += x_column * dy
            else:
                dx += tl.load(of_y + 2 * D + e, mask=e < D, other=0.0)
            if INPUT_SOFTMAX:
                dx = x * (dx - tl.reduce(x * dx, 0, SUM))
            tl.store(dx_p + t * dx_t + e, dx, mask=e < D)

        sq, sk, sb = gq, gk, gb
        if last != end:
            aq, ak, ab = load_controller(dw_here_p, C, D, Y, DP)
            sq, sk, sb = sq + aq, sk + ak, sb + ab
        store_controller(dw_here_p, sq, sk, sb, D, Y, DP)
        if WITH_Y:
            sy = gy
            if last != end:
                sy += load_tile(dw_here_p, C, e, c, D, Y)
            store_tile(dw_here_p, C, e, c, sy, D, Y)
        # Another thread of this program may read what this one wrote.
        tl.debug_barrier()
        if ddelta_p is not None:
            if start == begin:
                to = ddelta_p + chain * (D * C)
                if carried:
                    if ddelta_out_p is not None:
                        if last == end:
                            zq, zk, zb = load_controller(ddelta_out_p, ddelta_out_d, D, Y, DP)
                            gq, gk, gb = gq + zq, gk + zk, gb + zb
                            if WITH_Y:
                                gy += load_tile(ddelta_out_p, ddelta_out_d, e, c, D, Y)
                else:
                    gq, gk, gb = gq * 0, gk * 0, gb * 0
                    if WITH_Y:
                        gy *= 0
                store_controller(to, gq, gk, gb, D, Y, DP)
                if WITH_Y:
                    store_tile(to, C, e, c, gy, D, Y)
        if WITH_Y:
            gy = tl.full([DP, YP], 0.0, ACC)
        gq = tl.full([DP, DP], 0.0, ACC)
        gk = tl.full([DP, DP], 0.0, ACC)
        gb = tl.full([DP, 4], 0.0, ACC)
        last = start


@triton.jit(do_not_specialize=['T', 'H'])
def backward_step_kernel(
    dy_p,
    x_p,
    w_p,
    delta_p,
    first_p,
    cu_p,
    saved_p,
    dx_p,
    dw_p,
    T,
    B,
    H,
    dy_t,
    dy_b,
    dy_h,
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
):
    """One program a chain, bptt="step": only y reaches a gradient, and W_y is rebuilt forwards."""
    ACC: tl.constexpr = w_p.dtype.element_ty
    C: tl.constexpr = Y + 2 * D + 4
    WIDTH: tl.constexpr = D + Y
    chain = tl.program_id(0).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = tl.arange(0, DP), tl.arange(0, YP)
    inside = (e < D)[:, None] & (c < Y)[None]
    w_p += h * w_h + e[:, None] * w_d + c[None]
    x_p += b * x_b + h * x_h
    dx_p += (b * H + h) * D
    dx_t = tl.cast(B, tl.int64) * H * D
    saved_p += (b * H + h) * T * WIDTH
    if dy_p is not None:
        dy_p += b * dy_b + h * dy_h

    w = tl.load(w_p, mask=inside, other=0.0)
    if delta_p is not None:
        delta_p += n * delta_n + h * delta_h + e[:, None] * delta_d + c[None]
        w += tl.load(delta_p, mask=inside, other=0.0)
    g = tl.full([DP, YP], 0.0, ACC)
    for t in range(begin, end):
        if first_p is not None:
            if tl.load(first_p + t * first_t + b * first_b) != 0:
                w = tl.load(w_p, mask=inside, other=0.0)
        x = tl.load(x_p + t * x_t + e, mask=e < D, other=0.0).to(ACC)
        if INPUT_SOFTMAX:
            x = tl.where(e < D, x, float('-inf'))
            x = tl.exp(x - tl.reduce(x, 0, MAX))
            x = x / tl.reduce(x, 0, SUM)
        dy = tl.full([YP], 0.0, ACC)
        if dy_p is not None:
            dy = tl.load(dy_p + t * dy_t + c, mask=c < Y, other=0.0).to(ACC)
        dx = tl.reduce(w * dy[None], 1, SUM)
        if INPUT_SOFTMAX:
            dx = x * (dx - tl.reduce(x * dx, 0, SUM))
        tl.store(dx_p + t * dx_t + e, dx, mask=e < D)
        g += x[:, None] * dy[None]
        k = tl.load(saved_p + t * WIDTH + e, mask=e < D, other=0.0)
        insertion = tl.load(saved_p + t * WIDTH + D + c, mask=c < Y, other=0.0)
        w += k[:, None] * insertion[None]

    dw_p += chain * (D * C) + e[:, None] * C
    tl.store(dw_p + c[None], g, mask=inside)
    # Nothing reaches the columns of q, k and beta.
    ALL: tl.constexpr = triton.next_power_of_2(2 * D + 4)
    rest = tl.arange(0, ALL)[None]
    tl.store(dw_p + Y + rest, tl.full([DP, ALL], 0.0, ACC), mask=(e < D)[:, None] & (rest < 2 * D + 4))
