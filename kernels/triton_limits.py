"""The Triton kernels whose machine code is checked, and what each may hold on every architecture.

A ceiling of registers or conversions is what was measured, with a little room for another compiler. Nothing may
spill and nothing may be atomic; in the loop over steps warps may not wait for each other at a barrier. Sizes whose
state needs several warps break the last rule in any Triton kernel: its only way between warps is a block's barrier.
"""

from __future__ import annotations

import dataclasses

from .delta_rule.triton_config import warps as delta_rule_warps
from .srwm.triton_config import warps as srwm_warps
from .triton_launch import padded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kernel:
    """One compiled size of a kernel. `absent` are the optional tensors that it is compiled without."""

    name: str
    module: str
    function: str
    warps: int
    constants: dict[str, int]
    absent: tuple[str, ...]
    aligned: tuple[str, ...]
    registers: dict[str, int]
    conversions: int


# Registers of a lane on NVIDIA's and AMD's architectures, and layout conversions in loops, by op, pass and size.
CEILINGS = {
    ('srwm', 'forward', 8): (72, 56, 14),
    ('srwm', 'forward', 16): (80, 72, 12),
    ('srwm', 'forward', 32): (255, 144, 14),
    ('srwm', 'forward', 64): (255, 144, 12),
    ('srwm', 'forward', 128): (128, 128, 14),
    ('srwm', 'backward', 8): (96, 80, 29),
    ('srwm', 'backward', 16): (248, 128, 32),
    ('srwm', 'backward', 32): (240, 168, 29),
    ('srwm', 'backward', 64): (255, 256, 29),
    ('srwm', 'backward', 128): (128, 128, 29),
    ('delta_rule', 'forward', 16): (64, 44, 2),
    ('delta_rule', 'forward', 64): (128, 80, 2),
    ('delta_rule', 'forward', 128): (128, 80, 2),
    ('delta_rule', 'backward', 16): (56, 40, 16),
    ('delta_rule', 'backward', 64): (176, 88, 16),
    ('delta_rule', 'backward', 128): (128, 96, 16),
}
# A learner's call: packed sequences and cotangents of the state are left out.
ABSENT = {
    ('srwm', 'forward'): ('cu_p',),
    ('srwm', 'backward'): ('cu_p', 'ddelta_out_p', 'ddelta_p'),
    ('delta_rule', 'forward'): ('cu_p',),
    ('delta_rule', 'backward'): ('cu_p', 'dend_p', 'dstate_p'),
}


def kernel(op: str, direction: str, size: int) -> Kernel:
    """Returns a square size of a kernel, with the settings that a launch gives it."""
    tile = padded(size)
    nvidia, amd, conversions = CEILINGS[op, direction, size]
    if op == 'srwm':
        warps = srwm_warps(direction, size, size)
        constants = {'D': size, 'Y': size, 'DP': tile, 'YP': tile, 'INPUT_SOFTMAX': True, 'STEP': False}
        # The rows of x, of dy and of nothing else lie sixteen numbers apart.
        aligned = ('x_t', 'x_b', 'x_h', 'dy_t', 'dy_b', 'dy_h')
    else:
        warps = delta_rule_warps(size, size)
        constants = {'K': size, 'V': size, 'KP': tile, 'VP': tile, 'STEP': False}
        aligned = tuple(f'{name}_{axis}' for name in ('q', 'k', 'v', 'do') for axis in 'tbh')
    return Kernel(
        name=f'{op}/{direction}/{size}', module=f'.{op}.triton_{direction}', function=f'{direction}_kernel',
        warps=warps, constants=constants, absent=ABSENT[op, direction], aligned=aligned if size % 16 == 0 else (),
        registers={'nvidia': nvidia, 'amd': amd}, conversions=conversions,
    )  # fmt: skip


KERNELS = {one.name: one for one in (kernel(*key) for key in CEILINGS)}
