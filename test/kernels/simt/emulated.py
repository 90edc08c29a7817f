"""Runs CUDA kernels on the host: compiles them with the SIMT emulator, and stands in for `nvrtc.launch`."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from srwm.kernels.build import cache_folder, find_compiler
from srwm.kernels.nvrtc import Program

HERE = Path(__file__).parent
# Without optimisation the kernels are six times slower; more of it costs more than it saves.
FLAGS = ('-std=c++17', '-O1', '-fPIC', '-Wall', '-Werror', '-Wno-unknown-pragmas')


def launch(
    program: Program,
    blocks: int,
    threads: int,
    arguments: Sequence[int],
    device: torch.device,
    *,
    seed: int = 3,
    without: str = '',
    instead: str = '',
) -> None:
    """Runs a kernel block by block; raises RuntimeError where the emulator finds a mistake.

    `without` is a piece of the kernels' sources that `instead` takes the place of where it first occurs: it shows
    what the tests would see of such a mistake.
    """
    assert device.type == 'cpu'
    library = load(program, without, instead)
    message = ctypes.create_string_buffer(400)
    values = (ctypes.c_int64 * len(arguments))(*arguments)
    if library.simt_run(program.name.encode(), blocks, threads, values, seed, message, len(message)):
        raise RuntimeError(f'{program.name}: {message.value.decode()}')


@functools.cache
def load(program: Program, without: str = '', instead: str = '') -> ctypes.CDLL:
    library = ctypes.CDLL(str(build(program, without, instead)))
    integers = [ctypes.c_int64] * 2
    library.simt_run.argtypes = [
        ctypes.c_char_p, *integers, ctypes.POINTER(ctypes.c_int64), ctypes.c_int64, ctypes.c_char_p, ctypes.c_int64,
    ]  # fmt: skip
    return library


def build(program: Program, without: str = '', instead: str = '') -> Path:
    """Returns the library of one kernel, from the cache where these sources were compiled before."""
    headers = {path.name: path.read_text() for folder in program.folders for path in folder.glob('*.cuh')}
    if without:
        name = next(name for name, text in headers.items() if without in text)
        headers[name] = headers[name].replace(without, instead, 1)
    header = {'emulator.h': (HERE / 'emulator.h').read_text()}
    sources = header | headers | {'kernel.cpp': f'{program.source}SIMT_KERNEL({program.name})\n'}
    scheduler = compiled(
        '.o', header | {'emulator.cpp': (HERE / 'emulator.cpp').read_text()}, ('-c', 'emulator.cpp')
    )
    return compiled('.so', sources, ('-shared', 'kernel.cpp', str(scheduler)))


def compiled(suffix: str, sources: dict[str, str], inputs: tuple[str, ...]) -> Path:
    """Returns what the compiler makes of some sources, from the cache where it made it before."""
    digest = hashlib.sha256(repr((FLAGS, inputs, sorted(sources.items()))).encode()).hexdigest()[:16]
    target = cache_folder() / 'emulated' / f'{digest}{suffix}'
    if target.is_file():
        return target
    compiler = find_compiler()
    assert compiler is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        for name, text in sources.items():
            (Path(folder) / name).write_text(text)
        command = [compiler, *FLAGS, *inputs, '-o', f'made{suffix}']
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr[-3000:]
        (Path(folder) / f'made{suffix}').replace(target)
    return target
