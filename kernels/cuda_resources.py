"""What a compiled CUDA kernel takes of a GPU, read without one: from the compiler's report and its machine code."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .nvrtc import Program, compile_program

ARCHITECTURES = ('sm_80', 'sm_90', 'sm_100')


@dataclass(frozen=True, kw_only=True)
class Resources:
    """`barriers`, `atomics` and `local` count instructions of the whole kernel: BAR, ATOM or RED, LDL or STL."""

    registers: int
    spilled_bytes: int
    shared_bytes: int
    barriers: int
    atomics: int
    local: int


def resources(program: Program, arch: str) -> Resources:
    """Compiles a kernel for an architecture and returns what it takes. Raises OSError without a disassembler."""
    cubin, report = compile_program(program, arch)
    opcodes = instructions(cubin)
    shared = re.search(r'(\d+) bytes smem', report)
    return Resources(
        registers=int(find(r'Used (\d+) registers', report)),
        spilled_bytes=int(find(r'(\d+) bytes spill stores', report)),
        shared_bytes=int(shared.group(1)) if shared else 0,
        barriers=sum(code.startswith('BAR') for code in opcodes),
        atomics=sum(code.startswith(('ATOM', 'RED')) for code in opcodes),
        local=sum(code.startswith(('LDL', 'STL')) for code in opcodes),
    )


def find(pattern: str, report: str) -> str:
    found = re.search(pattern, report)
    if found is None:
        raise ValueError(f"the compiler's report has no {pattern!r}: {report[:200]!r}")
    return found.group(1)


def instructions(cubin: bytes) -> list[str]:
    """Returns the opcodes of a cubin, by the disassembler that comes with Triton."""
    spec = importlib.util.find_spec('triton')
    if spec is None or spec.origin is None:
        raise OSError('nvdisasm comes with triton, which is not installed')
    tool = Path(spec.origin).parent / 'backends' / 'nvidia' / 'bin' / 'nvdisasm'
    with tempfile.NamedTemporaryFile(suffix='.cubin') as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([str(tool), '-c', file.name], capture_output=True, text=True, check=True)
    # An address, perhaps a predicate, then the opcode.
    return re.findall(r'^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)', done.stdout, re.M)
