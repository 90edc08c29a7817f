"""Compiles the C++ kernels once and keeps the library in a cache, keyed by a hash of its sources.

python -m srwm.kernels.build        # prints {"built": ..., "path": ..., "reason": ...}
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

KERNELS = Path(__file__).resolve().parent
# Headers of all ops lie in the first, one op's sources in each of the others; all make one library.
SHARED, OPS = KERNELS / 'cpu', ('srwm', 'delta_rule', 'conv2d', 'max_pool2d')
COMPILERS = ('c++', 'g++', 'clang++')
# -ffast-math would delete the rounding inside the hand-written exp; these two flags are what it may keep.
FLAGS = ('-O3', '-std=c++20', '-fPIC', '-fvisibility=hidden', '-fno-math-errno', '-ffp-contract=fast')
# By the end of a file's name: `avx2.cpp`, `backward_avx2.cpp`.
INSTRUCTION_SET_FLAGS = {
    # Mostly float64, where being right is the point: half the time to compile.
    'portable': ('-O2',),
    'avx2': ('-mavx2', '-mfma'),
    # Compiled without them by a compiler that does not know them: the file then says that it has nothing.
    'amx': (
        *('-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mavx512bf16', '-mamx-tile', '-mamx-bf16'),
        *('-mavx2', '-mfma', '-mprefer-vector-width=512'),
    ),
    'avx512': ('-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx2', '-mfma', '-mprefer-vector-width=512'),
}
# Stable ABI of torch 2.10 and later.
STABLE_ABI = '-DTORCH_TARGET_VERSION=0x020a000000000000'


@dataclass(frozen=True, kw_only=True)
class Build:
    """What a build came to: `path` of the library, or None with the reason there is none."""

    built: bool
    path: str | None
    reason: str


def build() -> Build:
    """Returns the cached library, compiling it first if this source was never compiled here."""
    library = cache_folder() / f'srwm_cpu-{source_hash()}.so'
    if library.is_file():
        return Build(built=False, path=str(library), reason='already compiled from these sources')
    compiler = find_compiler()
    if compiler is None:
        return Build(
            built=False, path=None, reason=f'no C++ compiler found ({", ".join(COMPILERS)}, or set CXX)'
        )
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix='build-', dir=library.parent) as folder:
            finished = compile_library(compiler, Path(folder))
            # Atomic: another process sees the whole library or none, and two builds of one source are equal.
            os.replace(finished, library)
    except subprocess.CalledProcessError as error:
        tail = ' '.join((error.stderr or '').strip().splitlines()[-3:])
        return Build(built=False, path=None, reason=f'{compiler} failed: {tail}')
    except OSError as error:
        return Build(built=False, path=None, reason=f'cannot write the kernel cache: {error}')
    return Build(built=True, path=str(library), reason=f'compiled by {compiler}')


def cache_folder() -> Path:
    """Returns the folder of compiled kernels: SRWM_CACHE, else ~/.cache/srwm, with `kernels` below it."""
    root = os.environ.get('SRWM_CACHE')
    return (Path(root) if root else Path.home() / '.cache' / 'srwm') / 'kernels'


def source_hash() -> str:
    """Returns a hash of the sources, the flags and the platform."""
    digest = hashlib.sha256(repr((FLAGS, INSTRUCTION_SET_FLAGS, STABLE_ABI)).encode())
    digest.update(f'{sys.platform} {platform.machine()}'.encode())
    for folder in (SHARED, *source_folders()):
        for path in sorted(folder.iterdir()):
            if path.suffix in ('.cpp', '.h'):
                digest.update(path.relative_to(KERNELS).as_posix().encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()[:16]


def source_folders() -> list[Path]:
    """Returns the folders of C++ sources, one an op."""
    return [folder for op in OPS if (folder := KERNELS / op / 'cpu').is_dir()]


def instruction_set_flags(source: Path) -> tuple[str, ...]:
    """Returns the flags that the end of a file's name asks for, on the processors that have them."""
    if platform.machine() not in ('x86_64', 'AMD64'):
        return ()
    return INSTRUCTION_SET_FLAGS.get(source.stem.split('_')[-1], ())


def known_flags(compiler: str, flags: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the flags, or none of them where they ask for AMX and the compiler does not know it (GCC before 11)."""
    if '-mamx-bf16' not in flags:
        return flags
    command = [compiler, *flags, '-x', 'c++', '-fsyntax-only', os.devnull]
    return flags if subprocess.run(command, capture_output=True, check=False).returncode == 0 else ()


def find_compiler() -> str | None:
    """Returns the C++ compiler: CXX if it is set, else the first one on the path."""
    chosen = os.environ.get('CXX')
    candidates = (chosen,) if chosen else COMPILERS
    return next((found for name in candidates if (found := shutil.which(name))), None)


def compile_library(compiler: str, folder: Path) -> Path:
    """Compiles all sources at once (one process each) and links them; returns the library inside `folder`."""
    torch_root = torch_folder()
    jobs = []
    for source in (source for sources in source_folders() for source in sorted(sources.glob('*.cpp'))):
        target = folder / f'{source.parent.parent.name}-{source.stem}.o'
        extra = known_flags(compiler, instruction_set_flags(source))
        command = [compiler, *FLAGS, *extra, STABLE_ABI, f'-I{torch_root / "include"}', '-c', str(source)]
        jobs.append((target, start([*command, '-o', str(target)])))
    try:
        for _, job in jobs:
            finish(job)
    finally:
        # After a failure the others would go on writing into a folder that is about to be removed.
        for _, job in jobs:
            if job.stderr and not job.stderr.closed:
                job.kill()
                job.communicate()
    library = folder / 'srwm_cpu.so'
    link = [
        compiler,
        '-shared',
        *(str(target) for target, _ in jobs),
        f'-L{torch_root / "lib"}',
        '-ltorch_cpu',
    ]
    finish(start([*link, '-s', '-o', str(library)]))
    return library


def torch_folder() -> Path:
    """Returns torch's package folder without importing torch."""
    from importlib.util import find_spec

    spec = find_spec('torch')
    if spec is None or spec.origin is None:
        raise OSError('torch is not installed')
    return Path(spec.origin).parent


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(job: subprocess.Popen[str]) -> None:
    _, errors = job.communicate()
    if job.returncode:
        raise subprocess.CalledProcessError(job.returncode, job.args, stderr=errors)


if __name__ == '__main__':
    print(json.dumps(asdict(build())))
