"""The walk back of a controller whose weights lie in memory, where W and G are more than a multiprocessor's registers.

The kernel reads W twice a step (`W u` and `W dpre`) and changes it by a rank one. Written back every step, it would be
written to the second-level cache every step. So W stays as it was behind the last of CHUNK steps, where the first-level
cache holds it (133 KB at D = 128), the steps since are subtracted from the products, and W is walked back once a chunk.
In memory it lies as the lanes hold it: tile after tile, what one instruction reads side by side.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .triton_lanes import numbers, of_column, of_row, over_columns, turned


@triton.jit
def places(SIZE: tl.constexpr, COLUMNS: tl.constexpr, one, RL: tl.constexpr, CL: tl.constexpr):
    """Returns where the elements of a tile [SIZE,COLUMNS] lie in memory."""
    r1, c1 = tl.arange(0, SIZE // RL)[:, None, None, None], tl.arange(0, COLUMNS // CL)[None, :, None, None]
    r, c = tl.arange(0, RL)[None, None, :, None], tl.arange(0, CL)[None, None, None, :]
    return ((r1 * (COLUMNS // CL) + c1) * RL + r) * CL + c * one


@triton.jit
def store_walked(walk_p, wq, wk, wb, one, DP: tl.constexpr, RL: tl.constexpr, CL: tl.constexpr):
    """Writes the W behind an episode's last step."""
    tl.store(walk_p + places(DP, DP, one, RL, CL), wq)
    tl.store(walk_p + DP * DP + places(DP, DP, one, RL, CL), wk)
    tl.store(walk_p + 2 * DP * DP + places(DP, CL, one, RL, CL), wb)
    # Every warp has written before one reads.
    tl.debug_barrier()


@triton.jit
def walked(
    walk_p,
    saved_p,
    t,
    top,
    u_q,
    u_k,
    u_b,
    one,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    RL: tl.constexpr,
    CL: tl.constexpr,
    CHUNK: tl.constexpr,
):
    """Returns W_t u, for the W behind step top - 1 in memory; u has a number a column of q, of k and of beta."""
    WIDTH: tl.constexpr = 4 * D + Y + 8
    r = tl.full([DP // RL, RL], 0.0, walk_p.dtype.element_ty)
    for i in tl.static_range(DP // RL):
        # Some rows at a time: there are no registers for a whole tile.
        some = over_columns(tl.load(walk_p + i * RL * DP + places(RL, DP, one, RL, CL)) * u_q)
        some += over_columns(tl.load(walk_p + DP * DP + i * RL * DP + places(RL, DP, one, RL, CL)) * u_k)
        some += over_columns(tl.load(walk_p + 2 * DP * DP + i * RL * CL + places(RL, CL, one, RL, CL)) * u_b)
        r = tl.where(tl.arange(0, DP // RL)[:, None] == i, some, r)

    # The steps are rows like those of W, and their share of the product has a number a step.
    steps = of_row(t + numbers(CHUNK, CHUNK))
    d, j = of_column(numbers(DP, CL, one)), of_column(numbers(CL, CL, one))
    rows, inside = saved_p + steps * WIDTH, steps < top
    share = over_columns(tl.load(rows + 2 * D + d, mask=inside & (d < D), other=0.0) * u_q)
    share += over_columns(tl.load(rows + 3 * D + d, mask=inside & (d < D), other=0.0) * u_k)
    share += over_columns(tl.load(rows + (4 * D + Y) + j, mask=inside & (j < 4), other=0.0) * u_b)
    # A tile of k whose columns are the steps.
    steps, e = of_column(t + numbers(CHUNK, CL)), of_row(numbers(DP, RL, one))
    k = tl.load(saved_p + D + steps * WIDTH + e, mask=(steps < top) & (e < D), other=0.0)
    return r - over_columns(k * of_column(turned(share, CHUNK, CL)))


@triton.jit
def walk_back(
    walk_p,
    saved_p,
    t,
    top,
    one,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    RL: tl.constexpr,
    CL: tl.constexpr,
):
    """Takes what the steps t .. top - 1 inserted from the W in memory."""
    d, j = of_column(numbers(DP, CL)), of_column(numbers(CL, CL))
    # Every warp has read before one writes, and every one has written before one reads.
    tl.debug_barrier()
    walk_tile_back(
        walk_p, saved_p + 2 * D, saved_p + D, t, top, d, places(DP, DP, one, RL, CL), D, Y, DP, RL, D
    )
    walk_tile_back(
        walk_p + DP * DP,
        saved_p + 3 * D,
        saved_p + D,
        t,
        top,
        d,
        places(DP, DP, one, RL, CL),
        D,
        Y,
        DP,
        RL,
        D,
    )
    walk_tile_back(
        walk_p + 2 * DP * DP,
        saved_p + (4 * D + Y),
        saved_p + D,
        t,
        top,
        j,
        places(DP, CL, one, RL, CL),
        D,
        Y,
        DP,
        RL,
        4,
    )
    tl.debug_barrier()


@triton.jit
def walk_tile_back(
    tile_p,
    inserted_p,
    k_p,
    t,
    top,
    columns,
    at,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    RL: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Does so for one part; `inserted_p` and `k_p` are the first step's."""
    WIDTH: tl.constexpr = 4 * D + Y + 8
    e = numbers(DP, RL)
    w = tl.load(tile_p + at)
    for i in range(top - t):
        step = (top - 1 - i) * WIDTH
        k = tl.load(k_p + step + e, mask=e < D, other=0.0)
        w -= of_row(k) * tl.load(inserted_p + step + columns, mask=columns < COLUMNS, other=0.0)
    tl.store(tile_p + at, w)
