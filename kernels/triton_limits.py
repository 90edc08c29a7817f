"""The Triton kernels whose machine code is checked, and what each may hold on every architecture.

A ceiling of registers or conversions is what was measured, with a little room for another compiler. Nothing may
spill, nothing may be atomic, and in the loop over steps warps may not wait for each other at a barrier: where the
registers of one warp can hold the state that the loop carries, they must. A state that they cannot hold, by the
arithmetic of `fits_one_warp`, needs several warps, and Triton has no way between warps but a block's barrier.
"""

from __future__ import annotations

import dataclasses

from .delta_rule.triton_config import TILE
from .srwm.triton_config import CHUNK, MEMORY_TILE, tile_lanes, walked_in_memory, warps, whole
from .triton_launch import blocks, padded

# What one warp's registers hold: lanes times the registers that an instruction can name. (The other half of AMD's 512
# are accumulators, which no addition reads.)
ONE_WARP = {'nvidia': 32 * 255, 'amd': 64 * 256}
LANES = {'nvidia': 32, 'amd': 64}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kernel:
    """One compiled size of a kernel. `absent` are the optional tensors that it is compiled without.

    `state` counts the numbers that its loop over steps carries; `warps`, `constants`, `absent` and
    `registers` are by vendor.
    """

    name: str
    module: str
    function: str
    warps: dict[str, int]
    constants: dict[str, dict[str, int]]
    absent: dict[str, tuple[str, ...]]
    aligned: tuple[str, ...]
    registers: dict[str, int]
    conversions: int
    state: int

    def fits_one_warp(self, vendor: str) -> bool:
        return self.state <= ONE_WARP[vendor]


# Registers of a lane on NVIDIA's and AMD's architectures, and layout conversions in loops, by op, kernel and size. Of a
# chain that is split, "controller" has the columns of q, k and beta, and "memory" those of y.
CEILINGS = {
    ('srwm', 'forward', 8): (72, 56, 14),
    ('srwm', 'forward', 16): (80, 72, 12),
    ('srwm', 'forward', 32): (255, 144, 14),
    ('srwm', 'forward_controller', 64): (208, 288, 12),
    ('srwm', 'forward_controller', 128): (255, 208, 12),
    ('srwm', 'memory', 64): (136, 72, 6),
    ('srwm', 'memory', 128): (136, 72, 6),
    ('srwm', 'backward', 8): (104, 80, 14),
    ('srwm', 'backward', 16): (176, 112, 4),
    ('srwm', 'backward_controller', 32): (240, 160, 16),
    ('srwm', 'backward_controller', 64): (255, 216, 4),
    ('srwm', 'backward_controller', 128): (255, 256, 6),
    ('srwm', 'memory_columns', 32): (168, 112, 6),
    ('srwm', 'memory_columns', 64): (168, 96, 7),
    ('srwm', 'memory_columns', 128): (168, 96, 7),
    ('srwm', 'memory_rows', 32): (208, 128, 13),
    ('srwm', 'memory_rows', 64): (168, 112, 12),
    ('srwm', 'memory_rows', 128): (168, 96, 12),
    ('delta_rule', 'forward', 16): (72, 48, 2),
    ('delta_rule', 'forward', 64): (255, 112, 5),
    ('delta_rule', 'forward', 128): (255, 112, 5),
    ('delta_rule', 'columns', 16): (64, 28, 5),
    ('delta_rule', 'columns', 64): (208, 96, 7),
    ('delta_rule', 'columns', 128): (208, 96, 7),
    ('delta_rule', 'rows', 16): (64, 40, 12),
    ('delta_rule', 'rows', 64): (184, 128, 12),
    ('delta_rule', 'rows', 128): (192, 120, 9),
}
# The optional tensors that a learner's call leaves out: packed sequences and cotangents of the state.
ABSENT = ('cu_p', 'ddelta_out_p', 'ddelta_p', 'dend_p', 'dstate_p')
MODULES = {
    'forward': 'triton_forward',
    'backward': 'triton_backward',
    'memory': 'triton_memory',
    'memory_columns': 'triton_memory',
    'memory_rows': 'triton_memory',
    'columns': 'triton_backward',
    'rows': 'triton_backward',
}


def kernel(op: str, name: str, size: int) -> Kernel:
    """Returns a square size of a kernel, with the settings that a launch gives it."""
    function = name.removesuffix('_controller')
    nvidia, amd, conversions = CEILINGS[op, name, size]
    make = srwm_kernel if op == 'srwm' else delta_rule_kernel
    constants, state, absent = make(name, size)
    if op == 'srwm' and function in ('forward', 'backward'):
        count = {vendor: warps(function, size, size, lanes) for vendor, lanes in LANES.items()}
    else:
        count = dict.fromkeys(LANES, 1)
    lanes_of = {
        vendor: dict(zip(('RL', 'CL'), tile_lanes(size, count[vendor], lanes), strict=True))
        for vendor, lanes in LANES.items()
    }
    walk = {vendor: () if walked_in_memory(size, lanes) else ('walk_p',) for vendor, lanes in LANES.items()}
    if op == 'srwm':
        # The rows of x, of dy and of nothing else lie sixteen numbers apart.
        aligned = ('x_t', 'x_b', 'x_h', 'dy_t', 'dy_b', 'dy_h')
    else:
        aligned = tuple(f'{tensor}_{axis}' for tensor in ('q', 'k', 'v', 'do') for axis in 'tbh')
    return Kernel(
        name=f'{op}/{name}/{size}', module=f'.{op}.{MODULES[function]}', function=f'{function}_kernel',
        warps=count, constants={vendor: {**constants, **lanes_of[vendor]} for vendor in LANES},
        absent={vendor: (*ABSENT, *absent, *walk[vendor]) for vendor in LANES},
        aligned=aligned if size % 16 == 0 else (), registers={'nvidia': nvidia, 'amd': amd},
        conversions=conversions, state=state,
    )  # fmt: skip


def srwm_kernel(name: str, size: int) -> tuple[dict[str, int], int, tuple[str, ...]]:
    """Returns constants, numbers of state and absent tensors of a kernel of srwm."""
    constants = {'D': size, 'Y': size, 'DP': padded(size), 'YP': padded(size), 'INPUT_SOFTMAX': True}
    if name.startswith('memory'):
        block, count = blocks(size, size, MEMORY_TILE)
        tiles = 2 if name == 'memory_columns' else 1
        absent = ('saved_p',) if name == 'memory' else ()
        return {**constants, 'BLOCK': block, 'BLOCKS': count}, tiles * padded(size) * block, absent
    direction = name.removesuffix('_controller')
    with_y = whole(direction, size, size)
    assert with_y != name.endswith('_controller')
    columns = 2 * padded(size) + 4 + (padded(size) if with_y else 0)
    state = padded(size) * columns * (1 if direction == 'forward' else 2)
    absent = ('sums_p',) if direction == 'backward' and with_y else ()
    return {**constants, 'STEP': False, 'WITH_Y': with_y, 'CHUNK': CHUNK}, state, absent


def delta_rule_kernel(name: str, size: int) -> tuple[dict[str, int], int, tuple[str, ...]]:
    """Returns constants, numbers of state and absent tensors of a kernel of delta_rule."""
    block, count = blocks(size, size, TILE)
    constants = {'K': size, 'V': size, 'KP': padded(size), 'VP': padded(size), 'STEP': False}
    return {**constants, 'BLOCK': block, 'BLOCKS': count}, padded(size) * block, ()


KERNELS = {one.name: one for one in (kernel(*key) for key in CEILINGS)}
