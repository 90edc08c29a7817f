"""Loads the library of compiled CPU kernels, which holds the ops of all folders."""

from __future__ import annotations

import functools
import platform

import torch


@functools.cache
def load() -> str | None:
    """Builds and loads the library once a process; returns why it is missing, or None."""
    # Imported late so that `python -m srwm.kernels.build` does not find itself already imported.
    from .build import build

    found = build()
    if found.path is None:
        return found.reason
    try:
        torch.ops.load_library(found.path)
    except OSError as error:
        return f'the compiled library does not load: {error}'
    return None


def instruction_set(limit: int = -1) -> str:
    """Returns the instruction set of float32, after a limit of 0, 1 or 2 has set the best one up to it."""
    names = ('portable', 'neon') if platform.machine() == 'aarch64' else ('portable', 'avx2', 'avx512')
    return names[torch.ops.srwm.cpu_instruction_set(limit)]
