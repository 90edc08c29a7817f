"""`python -m drivers.static_cuda`: what every CUDA kernel takes of a GPU, compiled here without one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drivers.serve import serve
from srwm.kernels.cuda_ceilings import Ceiling, ceilings
from srwm.kernels.cuda_resources import ARCHITECTURES, resources


def measure() -> dict[str, Any]:
    """Compiles every tuned kernel for every architecture; `violations` names each promise that one breaks."""
    found, violations = {}, []
    for row in ceilings():
        for arch in ARCHITECTURES:
            name = f'{row.program.name} {arch}'
            taken = asdict(resources(row.program, arch))
            found[name] = taken
            violations += [f'{name}: {what}' for what in broken(row, taken)]
    return {'kernels': found, 'violations': violations}


def broken(row: Ceiling, taken: dict[str, int]) -> list[str]:
    limits = {'registers': row.registers, 'spilled_bytes': 0, 'local': 0, 'atomics': 0}
    if not row.barriers:
        limits['barriers'] = 0
    return [f'{key} {taken[key]} above {limit}' for key, limit in limits.items() if taken[key] > limit]


if __name__ == '__main__':
    serve({'measure': measure})
