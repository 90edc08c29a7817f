"""The NEON form, compiled by a cross compiler and run by an emulator, against the portable form."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER, EMULATOR = 'aarch64-linux-gnu-g++', 'qemu-aarch64-static'


@pytest.mark.parametrize('op', ['srwm', 'delta_rule'])
def test_neon_compiles_and_agrees_with_the_portable_form(op: str, tmp_path: Path) -> None:
    if platform.machine() == 'aarch64':
        pytest.skip('this machine runs NEON itself: the whole suite is its test')
    if shutil.which(COMPILER) is None:
        pytest.skip(f'no {COMPILER}: install g++-aarch64-linux-gnu to run it')
    flags = [
        '-Werror=missing-field-initializers',
        '-O1',
        '-std=c++20',
        '-fno-math-errno',
        '-ffp-contract=fast',
    ]
    sources = [ROOT / 'kernels' / op / 'cpu' / name for name in ('neon.cpp', 'portable.cpp')]
    sources.append(Path(__file__).with_name('neon') / f'{op}.cpp')
    program = tmp_path / 'check'
    command = [COMPILER, '-static', *flags, *map(str, sources), '-o', str(program)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    if shutil.which(EMULATOR) is None:
        pytest.skip(f'it compiles, but there is no {EMULATOR} to run it: install qemu-user-static')
    ran = subprocess.run([EMULATOR, str(program)], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
