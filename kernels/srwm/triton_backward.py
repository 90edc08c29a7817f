"""The analytic backward pass of one chain in Triton (README.md, "Backward" and "Triton form").

Episodes are walked from the last to the first. The last one starts from the final state; every other one's end is
rebuilt from its start, so that the loop over the steps of an episode has no branch. Without WITH_Y the columns of y are
not here: triton_memory.py has left what they add to each step. With `walk_p`, W lies there and not in registers
(triton_walk.py).
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import MAX, SUM
from ..triton_tiles import add_or_store_at, load_at, span, store_at
from .triton_lanes import (
    numbers,
    of_column,
    of_row,
    over_all,
    over_columns,
    over_rows,
    turned,
    zeros_at,
    zeros_of_controller,
)
from .triton_tiles import add_controller_at, load_controller_at, load_x, store_controller_at
from .triton_walk import store_walked, walk_back, walked


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
    walk_p,
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
    RL: tl.constexpr,
    CL: tl.constexpr,
    CHUNK: tl.constexpr,
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
    # Rows, and columns of q and k, of beta, of y.
    e, d, j = numbers(DP, RL), numbers(DP, CL), numbers(CL, CL)
    # No sequence ends before it begins. The compiler cannot know that this is 0.
    none = (end < begin).to(tl.int32)
    rows, of_d, of_b = of_row(e), of_column(numbers(DP, CL, none + 1)), of_column(numbers(CL, CL, none + 1))
    if WITH_Y:
        c = numbers(YP, CL)
        of_y = of_column(numbers(YP, CL, none + 1))
    w_p += h * w_h
    dw_p += chain * (D * C)
    x_p += b * x_b + h * x_h
    dx_p += (b * H + h) * D
    dx_t = tl.cast(B, tl.int64) * H * D
    saved_p += (b * H + h) * T * WIDTH
    if walk_p is not None:
        walk_p += chain * (DP * (2 * DP + CL))
    if dy_p is not None:
        dy_p += b * dy_b + h * dy_h
    if first_p is not None:
        first_p += b * first_b
    if delta_p is not None:
        delta_p += n * delta_n + h * delta_h
    if ddelta_out_p is not None:
        ddelta_out_p += n * ddelta_out_n + h * ddelta_out_h

    if begin == end:
        gq, gk, gb = zeros_of_controller(w_p, w_d, rows, of_d, of_b, none)
        if WITH_Y:
            gy = zeros_at(w_p, w_d, rows, of_y, none)
        store_controller_at(dw_p, rows, of_d, of_b, gq, gk, gb, D, Y)
        if WITH_Y:
            store_at(dw_p, C, rows, of_y, gy, D, Y)
        if ddelta_p is not None:
            to = ddelta_p + chain * (D * C)
            if ddelta_out_p is not None:
                zq, zk, zb = load_controller_at(ddelta_out_p, ddelta_out_d, rows, of_d, of_b, D, Y)
                store_controller_at(to, rows, of_d, of_b, zq, zk, zb, D, Y)
                if WITH_Y:
                    store_at(to, C, rows, of_y, load_at(ddelta_out_p, ddelta_out_d, rows, of_y, D, Y), D, Y)
            else:
                store_controller_at(to, rows, of_d, of_b, gq, gk, gb, D, Y)
                if WITH_Y:
                    store_at(to, C, rows, of_y, gy, D, Y)

    last = end
    while last > begin:
        start = episode_start(first_p, first_t, begin, last, 128)
        carried = True
        if first_p is not None:
            carried = tl.load(first_p + start * first_t) == 0

        # The weights behind the episode's last step. Nothing is added to the addresses, as the compiler cannot know:
        # else it would keep those of all matrices in registers from episode to episode.
        nothing = (last > end).to(tl.int32)
        here_p = w_p + nothing
        # Nor those of one in all others.
        rows = of_row(numbers(DP, RL, nothing + 1))
        of_d, of_b = of_column(numbers(DP, CL, nothing + 1)), of_column(numbers(CL, CL, nothing + 1))
        if WITH_Y:
            of_y = of_column(numbers(YP, CL, nothing + 1))
        wq, wk, wb = load_controller_at(here_p, w_d, rows, of_d, of_b, D, Y)
        if WITH_Y:
            wy = load_at(here_p, w_d, rows, of_y, D, Y)
        if last == end:
            final_p = delta_out_p + n * delta_out_n + h * delta_out_h + nothing
            wq, wk, wb = add_controller_at(final_p, delta_out_d, rows, of_d, of_b, wq, wk, wb, D, Y)
            if WITH_Y:
                wy += load_at(final_p, delta_out_d, rows, of_y, D, Y)
        else:
            if delta_p is not None:
                if carried:
                    carried_p = delta_p + nothing
                    wq, wk, wb = add_controller_at(carried_p, delta_d, rows, of_d, of_b, wq, wk, wb, D, Y)
                    if WITH_Y:
                        wy += load_at(delta_p + nothing, delta_d, rows, of_y, D, Y)
            for t in range(start, last):
                row = saved_p + t * WIDTH
                k = of_row(tl.load(row + D + e, mask=e < D, other=0.0))
                if WITH_Y:
                    wy += k * of_column(tl.load(row + 4 * D + c, mask=c < Y, other=0.0))
                wq += k * of_column(tl.load(row + 2 * D + d, mask=d < D, other=0.0))
                wk += k * of_column(tl.load(row + 3 * D + d, mask=d < D, other=0.0))
                wb += k * of_column(tl.load(row + (4 * D + Y) + j, mask=j < 4, other=0.0))

        if walk_p is not None:
            store_walked(walk_p + nothing, wq, wk, wb, none + 1, DP, RL, CL)
            tl.debug_barrier()

        # G is split: gy .. gb hold the updates since the episode's end, which are w's share of it; the cotangent of the
        # final state stays in memory and is added where G is read, as long as the episode is the last one.
        gq, gk, gb = zeros_of_controller(w_p, w_d, rows, of_d, of_b, none)
        if WITH_Y:
            gy = zeros_at(w_p, w_d, rows, of_y, none)
        for i in range(last - start):
            t = last - 1 - i
            row = saved_p + t * WIDTH
            q = tl.load(row + e, mask=e < D, other=0.0)
            k = tl.load(row + D + e, mask=e < D, other=0.0)
            in_q = tl.load(row + 2 * D + d, mask=d < D, other=0.0)
            in_k = tl.load(row + 3 * D + d, mask=d < D, other=0.0)
            in_b = tl.load(row + (4 * D + Y) + j, mask=j < 4, other=0.0)
            beta = tl.load(row + (4 * D + Y + 4) + j, mask=j < 4, other=0.0)
            beta_q = tl.load(row + (4 * D + Y + 5))
            beta_k = tl.load(row + (4 * D + Y + 6))
            beta_b = tl.load(row + (4 * D + Y + 7))

            k_row, q_column, k_column, b_column = of_row(k), of_column(in_q), of_column(in_k), of_column(in_b)
            v_q, v_k, v_b = over_rows(gq * k_row), over_rows(gk * k_row), over_rows(gb * k_row)
            p = over_columns(gq * q_column + gk * k_column) + over_columns(gb * b_column)
            if ddelta_out_p is not None:
                if last == end:
                    zq, zk, zb = load_controller_at(ddelta_out_p, ddelta_out_d, rows, of_d, of_b, D, Y)
                    v_q, v_k = v_q + over_rows(zq * k_row), v_k + over_rows(zk * k_row)
                    v_b += over_rows(zb * k_row)
                    p += over_columns(zq * q_column + zk * k_column) + over_columns(zb * b_column)
            # As early as it can be, so that no insertion stays in registers beside what follows.
            part_q, part_k, part_b = over_all(v_q * in_q), over_all(v_k * in_k), over_all(v_b * in_b)
            u_q, u_k, u_b = of_column(beta_q * v_q), of_column(beta_k * v_k), of_column(beta_b * v_b)
            # Half of G's update already here: u then leaves the registers before dx.
            difference = of_row(q - k)
            gq, gk, gb = gq + difference * u_q, gk + difference * u_k, gb + difference * u_b
            if walk_p is None:
                wq -= k_row * q_column
                wk -= k_row * k_column
                wb -= k_row * b_column
                r = over_columns(wq * u_q + wk * u_k) + over_columns(wb * u_b)
            else:
                top = last - i // CHUNK * CHUNK
                one = (t > end).to(tl.int32) + 1
                r = walked(walk_p, saved_p, t, top, u_q, u_k, u_b, one, D, Y, DP, RL, CL, CHUNK)
            if WITH_Y:
                in_y = tl.load(row + 4 * D + c, mask=c < Y, other=0.0)
                y_column = of_column(in_y)
                beta_y = tl.load(row + (4 * D + Y + 4))
                v_y = over_rows(gy * k_row)
                p += over_columns(gy * y_column)
                if ddelta_out_p is not None:
                    if last == end:
                        zy = load_at(ddelta_out_p, ddelta_out_d, rows, of_y, D, Y)
                        v_y += over_rows(zy * k_row)
                        p += over_columns(zy * y_column)
                u_y = of_column(beta_y * v_y)
                wy -= k_row * y_column
                r += over_columns(wy * u_y)
                part_y = over_all(v_y * in_y)
                gy += of_row(q - k) * u_y
            else:
                sums = sums_p + ((b * H + h) * T + t) * (3 * D + 1)
                p += tl.load(sums + e, mask=e < D, other=0.0)
                r += tl.load(sums + D + e, mask=e < D, other=0.0)
                part_y = tl.load(sums + 3 * D)

            p -= r
            dq = of_column(turned(q * (r - over_all(q * r)), DP, CL))
            dk = of_column(turned(k * (p - over_all(k * p)), DP, CL))
            db = tl.where(j == 0, part_y, tl.where(j == 1, part_q, tl.where(j == 2, part_k, part_b)))
            db = of_column(tl.where(j < 4, (1.0 - beta) * db, 0.0))
            if walk_p is None:
                dx = over_columns(wq * dq + wk * dk) + over_columns(wb * db)
            else:
                dx = walked(walk_p + (one - 1), saved_p, t, top, dq, dk, db, one, D, Y, DP, RL, CL, CHUNK)
            # Read no earlier: until here it would cost registers that a chain of 32 x 68 numbers lacks.
            x = load_x(x_p + t * x_t, e, D, DP, INPUT_SOFTMAX, ACC)
            x_row = of_row(x)
            gq, gk, gb = gq + x_row * dq, gk + x_row * dk, gb + x_row * db
            if WITH_Y:
                if dy_p is not None:
                    dy = of_column(tl.load(dy_p + t * dy_t + c, mask=c < Y, other=0.0).to(ACC))
                    dx += over_columns(wy * dy)
                    gy += x_row * dy
            else:
                dx += tl.load(sums + 2 * D + e, mask=e < D, other=0.0)
            if INPUT_SOFTMAX:
                dx = x * (dx - over_all(x * dx))
            tl.store(dx_p + t * dx_t + e, dx, mask=e < D)
            if walk_p is not None:
                if i % CHUNK == CHUNK - 1:
                    walk_back(walk_p + one - 1, saved_p, t, top, one, D, Y, DP, RL, CL)

        nothing = (start > end).to(tl.int32)
        dw_here_p = dw_p + nothing
        rows = of_row(numbers(DP, RL, nothing + 1))
        of_d, of_b = of_column(numbers(DP, CL, nothing + 1)), of_column(numbers(CL, CL, nothing + 1))
        if WITH_Y:
            of_y = of_column(numbers(YP, CL, nothing + 1))
        # One tile after the other: there are no registers for two copies of all.
        again = last != end
        add_or_store_at(dw_here_p + Y, C, rows, of_d, gq, again, D, D)
        add_or_store_at(dw_here_p + (Y + D), C, rows, of_d, gk, again, D, D)
        add_or_store_at(dw_here_p + (Y + 2 * D), C, rows, of_b, gb, again, D, 4)
        if WITH_Y:
            add_or_store_at(dw_here_p, C, rows, of_y, gy, again, D, Y)
        # Another thread of this program may read what this one wrote.
        tl.debug_barrier()
        if ddelta_p is not None:
            if start == begin:
                to = ddelta_p + chain * (D * C)
                if carried:
                    if ddelta_out_p is not None:
                        if last == end:
                            gq, gk, gb = add_controller_at(
                                ddelta_out_p, ddelta_out_d, rows, of_d, of_b, gq, gk, gb, D, Y
                            )
                            if WITH_Y:
                                gy += load_at(ddelta_out_p, ddelta_out_d, rows, of_y, D, Y)
                else:
                    gq, gk, gb = gq * 0, gk * 0, gb * 0
                    if WITH_Y:
                        gy *= 0
                store_controller_at(to, rows, of_d, of_b, gq, gk, gb, D, Y)
                if WITH_Y:
                    store_at(to, C, rows, of_y, gy, D, Y)
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
