"""`python -m drivers.static_triton`: compiles the Triton kernels for every architecture and reads what came out."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from drivers.serve import serve

# Triton compiles nothing in a process that interprets.
os.environ.pop('TRITON_INTERPRET', None)


def report() -> list[dict[str, Any]]:
    """Returns one report a kernel and architecture; see kernels/triton_static.py."""
    from srwm.kernels.triton_static import reports

    return [dataclasses.asdict(one) for one in reports()]


if __name__ == '__main__':
    serve({'report': report})
