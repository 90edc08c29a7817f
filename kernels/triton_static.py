"""What the compiled Triton kernels hold, read from their machine code; needs no GPU.

`python -m srwm.kernels.triton_static` compiles every kernel of triton_limits.py and prints a JSON list of reports.
Triton cannot compile in a process that has TRITON_INTERPRET=1.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from .triton_limits import KERNELS, Kernel

TARGETS = {
    'sm_80': GPUTarget('cuda', 80, 32),
    'sm_90': GPUTarget('cuda', 90, 32),
    'sm_100': GPUTarget('cuda', 100, 32),
    'gfx942': GPUTarget('hip', 'gfx942', 64),
}
TOOLS = Path(triton.__file__).parent / 'backends' / 'nvidia' / 'bin'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """One kernel on one architecture: barriers and conversions in all its loops, instructions of its longest innermost
    loop, everything else of the whole kernel.
    """

    kernel: str
    architecture: str
    warps: int
    registers: int
    spilled_bytes: int
    local_accesses: int
    barriers: int
    atomics: int
    conversions: int
    instructions: int
    violations: list[str]


def report(kernel: Kernel, architecture: str) -> Report:
    """Compiles a kernel for an architecture of TARGETS and holds it against its limits."""
    compiled = compile_for(kernel, architecture)
    read = read_amd if vendor(architecture) == 'amd' else read_nvidia
    found = {**read(compiled.asm), 'conversions': loop_conversions(compiled.asm['ttgir'])}
    return Report(
        kernel=kernel.name, architecture=architecture, warps=kernel.warps[vendor(architecture)],
        **found, violations=violations(found, kernel, architecture),
    )  # fmt: skip


def violations(found: dict[str, int], kernel: Kernel, architecture: str) -> list[str]:
    """Returns what a kernel holds that it may not, one text each."""
    ceilings = {
        'registers': kernel.registers[vendor(architecture)],
        'conversions': kernel.conversions,
        'spilled_bytes': 0,
        'local_accesses': 0,
        'atomics': 0,
    }
    if kernel.warps[vendor(architecture)] > 1 and kernel.fits_one_warp(vendor(architecture)):
        # In a block of one warp the same instruction waits for nobody.
        ceilings['barriers'] = 0
    return [f'{what}: {found[what]} > {most}' for what, most in ceilings.items() if found[what] > most]


def vendor(architecture: str) -> str:
    return 'amd' if architecture.startswith('gfx') else 'nvidia'


def compile_for(kernel: Kernel, architecture: str) -> Any:
    """Compiles as a launch on dense, aligned float32 tensors would."""
    function = getattr(importlib.import_module(kernel.module, __package__), kernel.function)
    constants = {
        **kernel.constants[vendor(architecture)],
        **dict.fromkeys(kernel.absent[vendor(architecture)]),
    }
    signature, values, attributes = {}, {}, {}
    for position, name in enumerate(function.arg_names):
        if name in constants:
            signature[name] = 'constexpr'
            values[(position,)] = constants[name]
        elif name.endswith('_p'):
            signature[name] = {'first_p': '*u8', 'cu_p': '*i32'}.get(name, '*fp32')
            attributes[(position,)] = [['tt.divisibility', 16]]
        else:
            signature[name] = 'i32'
            if name in kernel.aligned:
                attributes[(position,)] = [['tt.divisibility', 16]]
    source = ASTSource(fn=function, signature=signature, constexprs=values, attrs=attributes)
    options = {'num_warps': kernel.warps[vendor(architecture)], 'enable_fp_fusion': True}
    return triton.compile(source, target=TARGETS[architecture], options=options)


def loop_conversions(ttgir: str) -> int:
    """Returns how many layout conversions lie in loops."""
    depth, count = [], 0
    for line in ttgir.splitlines():
        inside = any(depth)
        count += inside and 'ttg.convert_layout' in line
        closes, opens = line.count('}'), line.count('{')
        for _ in range(max(0, closes - opens)):
            if depth:
                depth.pop()
        for _ in range(max(0, opens - closes)):
            depth.append('scf.for' in line or 'scf.while' in line)
    return count


def read_nvidia(asm: dict[str, Any]) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'kernel.cubin')
        path.write_bytes(asm['cubin'])
        usage = run(TOOLS / 'cuobjdump', '--dump-resource-usage', path)
        listing = run(TOOLS / 'cuobjdump', '-sass', path)
    resources = {key: int(value) for key, value in re.findall(r'\b(REG|STACK|LOCAL):(\d+)', usage)}
    lines = [(int(at, 16), text) for at, text in re.findall(r'/\*([0-9a-f]{4,})\*/\s+(.*?);', listing)]
    branches = [(re.search(r'\bBRA\b.*?0x([0-9a-f]+)', text), at) for at, text in lines]
    jumps = [(int(match[1], 16), at) for match, at in branches if match]
    return {
        'registers': resources['REG'],
        'spilled_bytes': resources['STACK'] + resources['LOCAL'],
        'local_accesses': count(r'\b(LDL|STL)\b', [text for _, text in lines]),
        'barriers': count(r'\bBAR\b', in_loops(lines, jumps)),
        'atomics': count(r'\b(ATOM|ATOMS|ATOMG|RED)\b', [text for _, text in lines]),
        'instructions': len(step_loop(lines, jumps)),
    }


def read_amd(asm: dict[str, Any]) -> dict[str, int]:
    text = asm['amdgcn']
    used = {key: int(value) for key, value in re.findall(r'\.(\w+):\s+(\d+)\s*$', text, re.MULTILINE)}
    lines, labels = [], {}
    for line in text.splitlines():
        if match := re.match(r'(\.LBB\w+):', line):
            labels[match[1]] = len(lines)
        elif re.match(r'\s+[a-z]\w+', line):
            lines.append((len(lines), line))
    branches = [(re.search(r'\bs_c?branch\w*\s+(\.LBB\w+)', line), at) for at, line in lines]
    jumps = [(labels[match[1]], at) for match, at in branches if match]
    return {
        'registers': used['vgpr_count'],
        'spilled_bytes': used['private_segment_fixed_size'] + 4 * used['vgpr_spill_count'],
        'local_accesses': count(
            r'\bscratch_(load|store)|\bbuffer_(load|store)\S*.*\boffen?\b.*\bs\[0:3\]', [t for _, t in lines]
        ),
        'barriers': count(r'\bs_barrier\b', in_loops(lines, jumps)),
        'atomics': count(r'\batomic\b|_atomic_', [line for _, line in lines]),
        'instructions': len(step_loop(lines, jumps)),
    }


def step_loop(lines: list[tuple[int, str]], jumps: list[tuple[int, int]]) -> list[str]:
    """Returns the text of the longest loop that holds no other; jumps are (to, from)."""
    loops = [(to, at) for to, at in jumps if to < at]
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    first, last = max(inner, key=lambda loop: loop[1] - loop[0], default=(0, -1))
    return [text for at, text in lines if first <= at <= last]


def in_loops(lines: list[tuple[int, str]], jumps: list[tuple[int, int]]) -> list[str]:
    """Returns the text of all loops."""
    loops = [(to, at) for to, at in jumps if to < at]
    return [text for at, text in lines if any(to <= at <= last for to, last in loops)]


def count(pattern: str, lines: list[str]) -> int:
    return sum(re.search(pattern, line) is not None for line in lines)


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def reports(names: list[str] | None = None, architectures: list[str] | None = None) -> list[Report]:
    """Returns a report for each kernel and architecture named, or for all."""
    chosen = [KERNELS[name] for name in names or KERNELS]
    return [report(kernel, one) for kernel in chosen for one in architectures or TARGETS]


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kernels', nargs='*', choices=KERNELS, help='all by default')
    parser.add_argument('--architectures', nargs='*', choices=TARGETS, help='all by default')
    chosen = parser.parse_args()
    found = reports(chosen.kernels, chosen.architectures)
    print(json.dumps([dataclasses.asdict(one) for one in found], indent=1))
