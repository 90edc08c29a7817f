"""The CUDA kernels on CPU tensors, as one more implementation of the conformance suite."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import emulated

from srwm.kernels.dispatch import TABLE, Implementation
from srwm.kernels.srwm import cuda_op

NAME = 'cuda_emulated'
# Of the suite's shapes those that take the emulator milliseconds, one or two for every way that a chain is laid out.
SHAPES = [
    (0, 2, 1, 16, 16),
    (1, 1, 1, 1, 1),
    (1, 3, 2, 16, 16),
    (5, 0, 2, 16, 16),
    (17, 2, 2, 8, 8),
    (17, 2, 1, 16, 49),
    (9, 1, 3, 27, 27),
    (33, 1, 2, 64, 64),
]


@functools.cache
def define() -> None:
    """Registers the emulated ops, which torch accepts once a process."""
    cuda_op.define(NAME, 'cpu', emulated.launch)


@contextmanager
def emulation() -> Iterator[str]:
    """Puts the emulated implementation into the table of `srwm` for as long as the context lasts."""
    define()
    before = TABLE['srwm']
    row = Implementation(name=NAME, refusal=cuda_op.size_refusal, describe=lambda: 'CUDA kernels, emulated')
    TABLE['srwm'] = (*before, row)
    try:
        yield NAME
    finally:
        TABLE['srwm'] = before
