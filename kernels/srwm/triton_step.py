"""One step of acting in Triton: one program a chain, the state written in place."""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import SUM
from ..triton_tiles import load_tile, store_tile
from .triton_tiles import choose, load_controller, load_x, store_controller


@triton.jit(do_not_specialize=['H'])
def step_kernel(
    x_p,
    w_p,
    delta_p,
    first_p,
    y_p,
    H,
    x_b,
    x_h,
    w_h,
    w_d,
    delta_b,
    delta_h,
    first_b,
    y_b,
    y_h,
    D: tl.constexpr,
    Y: tl.constexpr,
    DP: tl.constexpr,
    YP: tl.constexpr,
    INPUT_SOFTMAX: tl.constexpr,
):
    """`first_p` may be None. The update goes to delta alone, not through w + delta, which would take digits from it."""
    ACC: tl.constexpr = w_p.dtype.element_ty
    C: tl.constexpr = Y + 2 * D + 4
    chain = tl.program_id(0).to(tl.int64)
    b, h = chain // H, chain % H
    e, c = tl.arange(0, DP), tl.arange(0, YP)
    w_p += h * w_h
    delta_p += b * delta_b + h * delta_h
    aq, ak, ab = load_controller(delta_p, C, D, Y, DP)
    ay = load_tile(delta_p, C, e, c, D, Y)
    if first_p is not None:
        first = tl.load(first_p + b * first_b) != 0
        ay, aq = tl.where(first, 0.0, ay), tl.where(first, 0.0, aq)
        ak, ab = tl.where(first, 0.0, ak), tl.where(first, 0.0, ab)
    wq, wk, wb = load_controller(w_p, w_d, D, Y, DP)
    wq, wk, wb = wq + aq, wk + ak, wb + ab
    wy = load_tile(w_p, w_d, e, c, D, Y) + ay
    x = load_x(x_p + b * x_b + h * x_h, e, D, DP, INPUT_SOFTMAX, ACC)
    tl.store(y_p + b * y_b + h * y_h + c, tl.reduce(wy * x[:, None], 0, SUM), mask=c < Y)
    q, k, _, beta_y, beta_q, beta_k, beta_b = choose(wq, wk, wb, x, D, DP)
    difference, k = (q - k)[:, None], k[:, None]
    ay += k * (beta_y * tl.reduce(wy * difference, 0, SUM))[None]
    aq += k * (beta_q * tl.reduce(wq * difference, 0, SUM))[None]
    ak += k * (beta_k * tl.reduce(wk * difference, 0, SUM))[None]
    ab += k * (beta_b * tl.reduce(wb * difference, 0, SUM))[None]
    # Every warp of this program has read before one writes.
    tl.debug_barrier()
    store_tile(delta_p, C, e, c, ay, D, Y)
    store_controller(delta_p, aq, ak, ab, D, Y, DP)
