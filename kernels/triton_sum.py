"""The sum over sequences that follows a backward kernel: in order and in float64, so that it has one set of bits."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=['N', 'COUNT'])
def sum_kernel(partial_p, total_p, N, COUNT, BLOCK: tl.constexpr):
    """total [COUNT] <- partial [N,COUNT] summed over N."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    total = tl.full([BLOCK], 0.0, tl.float64)
    for _ in range(N):
        total += tl.load(partial_p + i, mask=i < COUNT, other=0.0).to(tl.float64)
        partial_p += COUNT
    tl.store(total_p + i, total, mask=i < COUNT)
