"""The backward pass of one chain of the delta rule in Triton: both walks of README.md, "Backward"."""

from __future__ import annotations

import triton
import triton.language as tl

from ..triton_reduce import SUM
from ..triton_tiles import load_matrix, span, store_matrix


@triton.jit(do_not_specialize=['T', 'H'])
def backward_kernel(
    do_p,
    dend_p,
    q_p,
    k_p,
    v_p,
    beta_p,
    state_p,
    first_p,
    cu_p,
    saved_p,
    dq_p,
    dk_p,
    dv_p,
    dbeta_p,
    dstate_p,
    exact_dk_p,
    exact_dv_p,
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
    KP: tl.constexpr,
    VP: tl.constexpr,
    STEP: tl.constexpr,
):
    """One program a chain. `do_p`, `dend_p`, `state_p`, `first_p`, `cu_p` and `dstate_p` may be None.

    exact_dk [T,B,H,K] and exact_dv [T,B,H,V] carry dv and a part of dk from the first walk to the second in the
    state's dtype; they may be dk and dv themselves where those have it.
    """
    ACC: tl.constexpr = saved_p.dtype.element_ty
    HALF: tl.constexpr = dv_p.dtype.element_ty != saved_p.dtype.element_ty
    chain = tl.program_id(0).to(tl.int64)
    n, h = chain // H, chain % H
    begin, end, b = span(cu_p, n, T)
    e, c = tl.arange(0, KP), tl.arange(0, VP)
    row = tl.cast(B, tl.int64) * H
    at = b * H + h
    q_p += b * q_b + h * q_h
    k_p += b * k_b + h * k_h
    beta_p += b * beta_b + h * beta_h
    if do_p is not None:
        do_p += b * do_b + h * do_h
    if first_p is not None:
        first_p += b * first_b

    g = tl.full([KP, VP], 0.0, ACC)
    if dend_p is not None and not STEP:
        g = load_matrix(dend_p + n * dend_n + h * dend_h, dend_k, K, V, KP, VP)
    for i in range(end - begin):
        t = end - 1 - i
        difference = tl.load(saved_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        k = tl.load(k_p + t * k_t + e, mask=e < K, other=0.0).to(ACC)
        beta = tl.load(beta_p + t * beta_t).to(ACC)
        if do_p is not None:
            q = tl.load(q_p + t * q_t + e, mask=e < K, other=0.0).to(ACC)
            do = tl.load(do_p + t * do_t + c, mask=c < V, other=0.0).to(ACC)
            g += q[:, None] * do[None]
        dwrite = tl.reduce(g * k[:, None], 0, SUM)
        dk = tl.reduce(g * (beta * difference)[None], 1, SUM)
        dv = beta * dwrite
        tl.store(dbeta_p + t * row + at, tl.reduce(dwrite * difference, 0, SUM))
        tl.store(exact_dk_p + (t * row + at) * K + e, dk, mask=e < K)
        tl.store(exact_dv_p + (t * row + at) * V + c, dv, mask=c < V)
        if HALF:
            tl.store(dv_p + (t * row + at) * V + c, dv, mask=c < V)
        if STEP:
            g = tl.full([KP, VP], 0.0, ACC)
        else:
            g -= k[:, None] * dv[None]
            if first_p is not None:
                g = tl.where(tl.load(first_p + t * first_t) != 0, 0.0, g)
    if dstate_p is not None:
        store_matrix(dstate_p + chain * (K * V), g, K, V, KP, VP)
    # Other threads of this program wrote what the second walk reads.
    tl.debug_barrier()

    w = tl.full([KP, VP], 0.0, ACC)
    if state_p is not None:
        w = load_matrix(state_p + n * state_n + h * state_h, state_k, K, V, KP, VP)
    for t in range(begin, end):
        if first_p is not None:
            w = tl.where(tl.load(first_p + t * first_t) != 0, 0.0, w)
        difference = tl.load(saved_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        k = tl.load(k_p + t * k_t + e, mask=e < K, other=0.0).to(ACC)
        beta = tl.load(beta_p + t * beta_t).to(ACC)
        dk = tl.load(exact_dk_p + (t * row + at) * K + e, mask=e < K, other=0.0)
        dv = tl.load(exact_dv_p + (t * row + at) * V + c, mask=c < V, other=0.0)
        tl.store(dk_p + (t * row + at) * K + e, dk - tl.reduce(w * dv[None], 1, SUM), mask=e < K)
        w += k[:, None] * (beta * difference)[None]
        dq = tl.full([KP], 0.0, ACC)
        if do_p is not None:
            do = tl.load(do_p + t * do_t + c, mask=c < V, other=0.0).to(ACC)
            dq = tl.reduce(w * do[None], 1, SUM)
        tl.store(dq_p + (t * row + at) * K + e, dq, mask=e < K)
