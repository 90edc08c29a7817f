"""The delta rule in Triton: a program has some columns of one chain's fast weights, which stay in its registers.

Columns never meet (README.md, "Triton form"), so that a program is one warp and waits for no other.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import SUM
from ..triton_tiles import load_tile, span, store_tile


@triton.jit(do_not_specialize=['T', 'H'])
def forward_kernel(
    q_p,
    k_p,
    v_p,
    beta_p,
    state_p,
    first_p,
    cu_p,
    o_p,
    end_p,
    saved_p,
    T,
    B,
    H,
    o_t,
    o_b,
    o_h,
    end_n,
    end_h,
    q_t,
    q_b,
    q_h,
    k_t,
    k_b,
    k_h,
    v_t,
    v_b,
    v_h,
    beta_t,
    beta_b,
    beta_h,
    state_n,
    state_h,
    state_k,
    first_t,
    first_b,
    K: tl.constexpr,
    V: tl.constexpr,
    KP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
):
    """BLOCKS programs a chain; `state_p`, `first_p`, `cu_p` and `saved_p` may be None. saved is [T,B,H,V].

    end_p may be state_p: a program reads what it will write before it writes.
    """
    ACC: tl.constexpr = end_p.dtype.element_ty
    chain = (tl.program_id(0) // BLOCKS).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = tl.arange(0, KP), tl.program_id(0) % BLOCKS * BLOCK + tl.arange(0, BLOCK)

    w = tl.full([KP, BLOCK], 0.0, ACC)
    if state_p is not None:
        w = load_tile(state_p + n * state_n + h * state_h, state_k, e, c, K, V)

    q_p += begin * q_t + b * q_b + h * q_h
    k_p += begin * k_t + b * k_b + h * k_h
    v_p += begin * v_t + b * v_b + h * v_h
    beta_p += begin * beta_t + b * beta_b + h * beta_h
    step = tl.cast(B, tl.int64) * H * V
    o_p += begin * o_t + b * o_b + h * o_h
    if saved_p is not None:
        saved_p += begin * step + (b * H + h) * V
    # The loads of a step are made one step ahead: the recurrence would wait for them.
    keys, values = tl.where(begin < end, K, 0), tl.where(begin < end, V, 0)
    q_next = tl.load(q_p + e, mask=e < keys, other=0.0)
    k_next = tl.load(k_p + e, mask=e < keys, other=0.0)
    v_next = tl.load(v_p + c, mask=c < values, other=0.0)
    beta_next = tl.load(beta_p, mask=begin < end, other=0.0)
    if first_p is not None:
        first_p += begin * first_t + b * first_b
        first_next = tl.load(first_p, mask=begin < end, other=0)
    for t in range(begin, end):
        q, k, v, beta = q_next.to(ACC), k_next.to(ACC), v_next.to(ACC), beta_next.to(ACC)
        q_p += q_t
        k_p += k_t
        v_p += v_t
        beta_p += beta_t
        keys, values = tl.where(t + 1 < end, K, 0), tl.where(t + 1 < end, V, 0)
        q_next = tl.load(q_p + e, mask=e < keys, other=0.0)
        k_next = tl.load(k_p + e, mask=e < keys, other=0.0)
        v_next = tl.load(v_p + c, mask=c < values, other=0.0)
        beta_next = tl.load(beta_p, mask=t + 1 < end, other=0.0)
        if first_p is not None:
            first = first_next
            first_p += first_t
            first_next = tl.load(first_p, mask=t + 1 < end, other=0)
            w = tl.where(first != 0, 0.0, w)
        difference = v - tl.reduce(w * k[:, None], 0, SUM)
        w += k[:, None] * (beta * difference)[None]
        tl.store(o_p + c, tl.reduce(w * q[:, None], 0, SUM), mask=c < V)
        o_p += o_t
        if saved_p is not None:
            tl.store(saved_p + c, difference, mask=c < V)
            saved_p += step

    store_tile(end_p + n * end_n + h * end_h, V, e, c, w, K, V)
