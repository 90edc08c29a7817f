"""The CUDA kernels on CPU tensors, as one more implementation of the conformance suite."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import emulated
import torch

from srwm.kernels.delta_rule import cuda_op as delta_rule
from srwm.kernels.dispatch import TABLE, Implementation
from srwm.kernels.srwm import cuda_op as srwm

NAME = 'cuda_emulated'
OPS = {'srwm': srwm, 'delta_rule': delta_rule}
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
# (B, H, input size, output size) of the tests of acting.
STEP_SIZES = [(1, 1, 1, 1), (2, 1, 16, 49), (1, 1, 64, 64), (0, 2, 16, 16)]


def refusal(parameters: dict[str, object]) -> str:
    """Returns why a test with these parameters has no emulated variant, or an empty string."""
    if parameters.get('dtype') == torch.float64:
        return 'CUDA kernels compute in float32'
    op = parameters.get('op')
    name = op if isinstance(op, str) else getattr(op, 'name', 'srwm')
    small = SHAPES if name == 'srwm' else [shape for shape in SHAPES if shape[3] not in (8, 27)]
    sizes = parameters.get('sizes', STEP_SIZES[0])
    if parameters.get('shape', SHAPES[0]) in small and sizes in STEP_SIZES:
        return ''
    return 'emulated CUDA kernels run the small shapes only; a GPU runs all of them as variant cuda'


@functools.cache
def define() -> None:
    """Registers the emulated ops, which torch accepts once a process."""
    for op in OPS.values():
        op.define(NAME, 'cpu', emulated.launch)


@contextmanager
def emulation() -> Iterator[str]:
    """Puts the emulated implementations of both ops and their steps into the table as long as the context lasts."""
    define()
    before = dict(TABLE)
    for name, op in OPS.items():
        row = Implementation(name=NAME, refusal=op.size_refusal, describe=lambda: 'CUDA kernels, emulated')
        TABLE[name] = (*TABLE[name], row)
        TABLE[f'{name}_step'] = (*TABLE[f'{name}_step'], row)
    try:
        yield NAME
    finally:
        TABLE.update(before)
