"""Compiles CUDA kernels at first use with NVRTC, which comes with torch, and launches them on torch's stream.

No CUDA toolkit is needed. A compiled kernel is kept in the kernel cache under a hash of everything that made it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch

KERNELS = Path(__file__).resolve().parent
# bfloat16 conversions and everything that was compile-checked start here.
OLDEST = (8, 0)
STANDARD = 'c++17'


@dataclass(frozen=True, kw_only=True)
class Program:
    """One kernel of one size: `line` instantiates it as `name` from `header` of an op's CUDA sources."""

    op: str
    header: str
    name: str
    line: str

    @property
    def source(self) -> str:
        return f'#include "{self.header}"\n{self.line}\n'

    @property
    def folders(self) -> tuple[Path, Path]:
        """Folders of headers: those that all ops share, and the op's own."""
        return KERNELS / 'cuda', KERNELS / self.op / 'cuda'


# total [size] <- sum over n of parts [n, size]: the sum over the batch of every op, in order and in float64.
REDUCE = Program(op='cuda', header='reduce.cuh', name='reduce', line='REDUCE(reduce)')


@torch.compiler.assume_constant_result
def missing() -> str:
    """Returns why CUDA kernels cannot run in this process, or an empty string."""
    return reason() or ''


@functools.cache
def reason() -> str | None:
    if torch.version.cuda is None:
        return 'this torch is built without CUDA'
    if not torch.cuda.is_available():
        return 'torch finds no CUDA device'
    if importlib.util.find_spec('cuda') is None or importlib.util.find_spec('cuda.core') is None:
        return 'the package cuda-core is not installed'
    return None


@torch.compiler.assume_constant_result
def unfit(index: int | None) -> str:
    """Returns why a device cannot run the kernels, or an empty string; a constant to torch.compile."""
    return too_old(index) or failure(index)


@functools.cache
def failure(index: int | None) -> str:
    """Compiles and runs one small kernel, once a process and device; returns what went wrong, or an empty string.

    So a machine whose driver, compiler and packages do not fit together is served by another implementation and told
    why, instead of failing in the middle of a run.
    """
    if torch.cuda.is_current_stream_capturing():
        return ''
    device = torch.device('cuda', torch.cuda.current_device() if index is None else index)
    try:
        parts, total = torch.tensor([[1.0], [2.0]], device=device), torch.zeros(1, device=device)
        launch(REDUCE, 1, 128, [2, 1, parts.data_ptr(), total.data_ptr()], device)
        found = total.item()
    except Exception as error:  # noqa: BLE001 - whatever a driver or a compiler may raise is the answer here.
        return (
            f'a first small kernel failed on {device}: {type(error).__name__}: {str(error).splitlines()[0:1]}'
        )
    return '' if found == 3 else f'a first small kernel on {device} found 1 + 2 = {found}'


def too_old(index: int | None) -> str:
    """Returns why a device is too old, or an empty string."""
    capability = torch.cuda.get_device_capability(index)
    needed = '.'.join(map(str, OLDEST))
    return (
        ''
        if capability >= OLDEST
        else f'it needs compute capability {needed}, got {capability[0]}.{capability[1]}'
    )


@functools.cache
def core() -> Any:
    """Returns the module cuda.core, imported late: it takes most of a second, and few machines need it."""
    return importlib.import_module('cuda.core')


def compile_program(program: Program, arch: str) -> tuple[bytes, str]:
    """Returns the cubin for an architecture ("sm_90") and the compiler's report on its resources. Needs no GPU."""
    report = StringIO()
    options = core().ProgramOptions(
        name=f'{program.op}.cu',
        arch=arch,
        std=STANDARD,
        ptxas_options=['-v'],
        include_path=[str(folder) for folder in program.folders],
    )
    return bytes(
        core().Program(program.source, 'c++', options).compile('cubin', logs=report).code
    ), report.getvalue()


def cubin(program: Program, arch: str) -> bytes:
    """Returns the cubin from the cache, compiling it the first time."""
    # Imported late so that `python -m srwm.kernels.build` does not find itself already imported.
    from .build import cache_folder

    path = cache_folder() / f'{program.op}-{program.name}-{arch}-{source_hash(program, arch)}.cubin'
    if path.is_file():
        return path.read_bytes()
    code, _ = compile_program(program, arch)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(code)
        # Atomic: another process sees the whole kernel or none.
        os.replace(file.name, path)
    except OSError:
        # A cache that cannot be written costs the next process a compilation, and nothing else.
        pass
    return code


@functools.cache
def source_hash(program: Program, arch: str) -> str:
    """Returns a hash of the program, its headers, the architecture and the compiler's version."""
    version = importlib.import_module('cuda.bindings.nvrtc').nvrtcVersion()[1:]
    digest = hashlib.sha256(repr((program, arch, STANDARD, version)).encode())
    for folder in program.folders:
        for path in sorted(folder.glob('*.cuh')):
            digest.update(path.name.encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def loaded(program: Program, arch: str) -> Any:
    return core().ObjectCode.from_cubin(cubin(program, arch), name=program.name).get_kernel(program.name)


def launch(
    program: Program, blocks: int, threads: int, arguments: Sequence[int], device: torch.device
) -> None:
    """Runs a kernel on `device` in torch's current stream; every argument is an integer of eight bytes."""
    with torch.cuda.device(device):
        arch = 'sm_{}{}'.format(*torch.cuda.get_device_capability(device))
        # Torch's default stream has the handle 0, which the driver also knows as 1; cuda.core takes only the latter.
        stream = core().Stream.from_handle(torch.cuda.current_stream(device).cuda_stream or 1)
        config = core().LaunchConfig(grid=blocks, block=threads)
        core().launch(stream, config, loaded(program, arch), *arguments)
