"""The backward pass of the delta rule in Triton (README.md, "Backward" and "Triton form"), in two kernels.

dwrite = k G sums over rows, so that columns never meet in it; everything else sums over columns, so that rows never
meet. The first kernel walks back over columns of G and leaves dwrite of every step, the second has rows. Either
way a program is one warp, waits for no other and adds to nothing that another wrote.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import SUM
from ..triton_tiles import load_tile, span, store_tile


@triton.jit(do_not_specialize=['T', 'H'])
def columns_kernel(
    do_p,
    dend_p,
    q_p,
    k_p,
    beta_p,
    first_p,
    cu_p,
    dv_p,
    dwrite_p,
    T,
    B,
    H,
    do_t,
    do_b,
    do_h,
    dend_n,
    dend_h,
    dend_k,
    q_t,
    q_b,
    q_h,
    k_t,
    k_b,
    k_h,
    beta_t,
    beta_b,
    beta_h,
    first_t,
    first_b,
    K: tl.constexpr,
    V: tl.constexpr,
    KP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    STEP: tl.constexpr,
):
    """BLOCKS programs a chain; `do_p`, `dend_p`, `first_p` and `cu_p` may be None.

    dwrite [T,B,H,V] has the state's dtype.
    """
    ACC: tl.constexpr = dwrite_p.dtype.element_ty
    chain = (tl.program_id(0) // BLOCKS).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = tl.arange(0, KP), tl.program_id(0) % BLOCKS * BLOCK + tl.arange(0, BLOCK)
    row = tl.cast(B, tl.int64) * H
    at = b * H + h
    q_p += b * q_b + h * q_h
    k_p += b * k_b + h * k_h
    beta_p += b * beta_b + h * beta_h
    if do_p is not None:
        do_p += b * do_b + h * do_h

    g = tl.full([KP, BLOCK], 0.0, ACC)
    if dend_p is not None and not STEP:
        g = load_tile(dend_p + n * dend_n + h * dend_h, dend_k, e, c, K, V)
    for i in range(end - begin):
        t = end - 1 - i
        k = tl.load(k_p + t * k_t + e, mask=e < K, other=0.0).to(ACC)
        beta = tl.load(beta_p + t * beta_t).to(ACC)
        if do_p is not None:
            q = tl.load(q_p + t * q_t + e, mask=e < K, other=0.0).to(ACC)
            do = tl.load(do_p + t * do_t + c, mask=c < V, other=0.0).to(ACC)
            g += q[:, None] * do[None]
        dwrite = tl.reduce(g * k[:, None], 0, SUM)
        dv = beta * dwrite
        tl.store(dwrite_p + (t * row + at) * V + c, dwrite, mask=c < V)
        tl.store(dv_p + (t * row + at) * V + c, dv, mask=c < V)
        if STEP:
            g = tl.full([KP, BLOCK], 0.0, ACC)
        else:
            g -= k[:, None] * dv[None]
            if first_p is not None:
                g = tl.where(tl.load(first_p + t * first_t + b * first_b) != 0, 0.0, g)


@triton.jit(do_not_specialize=['T', 'H'])
def rows_kernel(
    do_p,
    dend_p,
    q_p,
    k_p,
    beta_p,
    state_p,
    first_p,
    cu_p,
    saved_p,
    dwrite_p,
    dq_p,
    dk_p,
    dbeta_p,
    dstate_p,
    exact_dk_p,
    T,
    B,
    H,
    do_t,
    do_b,
    do_h,
    dend_n,
    dend_h,
    dend_k,
    q_t,
    q_b,
    q_h,
    k_t,
    k_b,
    k_h,
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
    VP: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
    STEP: tl.constexpr,
):
    """BLOCKS programs a chain. `do_p`, `dend_p`, `state_p`, `first_p`, `cu_p` and `dstate_p` may be None.

    exact_dk [T,B,H,K] carries a part of dk from the first walk to the second in the state's dtype; it may be dk
    itself where that has it.
    """
    ACC: tl.constexpr = saved_p.dtype.element_ty
    chain = (tl.program_id(0) // BLOCKS).to(tl.int64)
    block = tl.program_id(0) % BLOCKS
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = block * BLOCK + tl.arange(0, BLOCK), tl.arange(0, VP)
    row = tl.cast(B, tl.int64) * H
    at = b * H + h
    q_p += b * q_b + h * q_h
    k_p += b * k_b + h * k_h
    beta_p += b * beta_b + h * beta_h
    if do_p is not None:
        do_p += b * do_b + h * do_h
    if first_p is not None:
        first_p += b * first_b

    g = tl.full([BLOCK, VP], 0.0, ACC)
    if dend_p is not None and not STEP:
        g = load_tile(dend_p + n * dend_n + h * dend_h, dend_k, e, c, K, V)
    for i in range(end - begin):
        t = end - 1 - i
        difference = tl.load(saved_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        dwrite = tl.load(dwrite_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        k = tl.load(k_p + t * k_t + e, mask=e < K, other=0.0).to(ACC)
        beta = tl.load(beta_p + t * beta_t).to(ACC)
        if do_p is not None:
            q = tl.load(q_p + t * q_t + e, mask=e < K, other=0.0).to(ACC)
            do = tl.load(do_p + t * do_t + c, mask=c < V, other=0.0).to(ACC)
            g += q[:, None] * do[None]
        dk = tl.reduce(g * (beta * difference)[None], 1, SUM)
        tl.store(exact_dk_p + (t * row + at) * K + e, dk, mask=e < K)
        tl.store(dbeta_p + t * row + at, tl.reduce(dwrite * difference, 0, SUM), mask=block == 0)
        if STEP:
            g = tl.full([BLOCK, VP], 0.0, ACC)
        else:
            g -= k[:, None] * (beta * dwrite)[None]
            if first_p is not None:
                g = tl.where(tl.load(first_p + t * first_t) != 0, 0.0, g)
    if dstate_p is not None:
        store_tile(dstate_p + chain * (K * V), V, e, c, g, K, V)
    # Another lane of this program may read what one wrote.
    tl.debug_barrier()

    w = tl.full([BLOCK, VP], 0.0, ACC)
    if state_p is not None:
        w = load_tile(state_p + n * state_n + h * state_h, state_k, e, c, K, V)
    for t in range(begin, end):
        if first_p is not None:
            w = tl.where(tl.load(first_p + t * first_t) != 0, 0.0, w)
        difference = tl.load(saved_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        dwrite = tl.load(dwrite_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        k = tl.load(k_p + t * k_t + e, mask=e < K, other=0.0).to(ACC)
        beta = tl.load(beta_p + t * beta_t).to(ACC)
        dk = tl.load(exact_dk_p + (t * row + at) * K + e, mask=e < K, other=0.0)
        dk -= tl.reduce(w * (beta * dwrite)[None], 1, SUM)
        tl.store(dk_p + (t * row + at) * K + e, dk, mask=e < K)
        w += k[:, None] * (beta * difference)[None]
        dq = tl.full([BLOCK], 0.0, ACC)
        if do_p is not None:
            do = tl.load(do_p + t * do_t + c, mask=c < V, other=0.0).to(ACC)
            dq = tl.reduce(w * do[None], 1, SUM)
        tl.store(dq_p + (t * row + at) * K + e, dq, mask=e < K)
