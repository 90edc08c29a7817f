"""Triton's reductions for our kernels: `tl.reduce(tile, axis, SUM)`.

`tl.sum` is the public name of the same thing and compiles to the same code; in Triton's interpreter, where the tests
run, it takes three times as long. The two names are private to Triton, so they are taken here and nowhere else.
"""

from __future__ import annotations

import triton.language as tl

SUM = tl.standard._sum_combine
MAX = tl.standard._elementwise_max
