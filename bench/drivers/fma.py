"""`python -m drivers.fma`: operations a second of the srwm op and of a bare multiply-add loop, in turns."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from drivers.serve import serve
from drivers.sides import served_by
from drivers.srwm import gradients, project
from srwm.kernels.build import find_compiler

SOURCE = Path(__file__).resolve().parent.parent / 'rivals' / 'fma_peak.cpp'
FLAGS = ('-O3', '-march=native', '-mprefer-vector-width=512', '-shared', '-fPIC', '-std=c++20')


class Bench:
    """One size, one thread."""

    def open(self, *, time: int, batch: int, heads: int, head_dim: int) -> dict[str, Any]:
        """Compiles the bare loop and makes inputs; counts what the mathematics needs, not what a kernel does."""
        torch.set_num_threads(1)
        compiler = find_compiler()
        if compiler is None:
            raise RuntimeError('no C++ compiler')
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / 'fma_peak.so'
            subprocess.run(
                [compiler, *FLAGS, str(SOURCE), '-o', str(library)], check=True, capture_output=True
            )
            self._peak = ctypes.CDLL(str(library)).fma_peak
        self._peak.restype = ctypes.c_double
        self._peak.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_float)]
        generator = torch.Generator().manual_seed(1)
        width = 3 * head_dim + 4
        self._dy = torch.randn((time, batch, heads, head_dim), generator=generator)
        self._leaves = tuple(
            (torch.randn(shape, generator=generator) * scale).requires_grad_()
            for shape, scale in (
                ((time, batch, heads, head_dim), 1.0),
                ((heads, head_dim, width), head_dim**-0.5),
                ((batch, heads, head_dim, width), 0.05),
            )
        )
        # Forward 6 D C (two products and one update), backward 14 D C.
        self._operations = 20 * head_dim * width * time * batch * heads
        self._ours()
        return {
            'operations': self._operations,
            'threads': torch.get_num_threads(),
            **served_by('srwm', 'cpu'),
        }

    def pair(self, *, ours_first: bool) -> dict[str, float]:
        """Operations a second of each; the best of three runs, as a peak is one."""
        order = (self._ours, self._bare) if ours_first else (self._bare, self._ours)
        found = {side.__name__: max(side() for _ in range(3)) for side in order}
        return {'ours': found['_ours'], 'rival': found['_bare']}

    def _ours(self) -> float:
        started = time.perf_counter()
        gradients(project, self._leaves, self._dy)
        return self._operations / (time.perf_counter() - started)

    def _bare(self) -> float:
        started = time.perf_counter()
        done = self._peak(2_000_000, ctypes.byref(ctypes.c_float()))
        return done / (time.perf_counter() - started)


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'pair': bench.pair})
