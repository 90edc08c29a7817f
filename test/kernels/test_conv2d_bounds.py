"""The kernels of bfloat16 read and write nothing outside their memory: under AddressSanitizer, tiles included."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sanitized import missing as no_sanitizer

from srwm.kernels.build import KERNELS, find_compiler, instruction_set_flags
from srwm.kernels.conv2d.explain import has_tiles

PROGRAM = Path(__file__).parent / 'tiles' / 'bounds.cpp'


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not has_tiles():
        pytest.skip('this processor has no AMX, or the kernels are missing')
    if why := no_sanitizer():
        pytest.skip(why)
    compiler = find_compiler()
    assert compiler is not None
    made = tmp_path_factory.mktemp('tiles') / 'bounds'
    command = [
        compiler,
        '-std=c++20',
        '-O1',
        '-g',
        '-fsanitize=address,undefined',
        '-fno-sanitize-recover=all',
    ]
    command += [*instruction_set_flags(KERNELS / 'conv2d' / 'cpu' / 'amx.cpp'), str(PROGRAM), '-o', str(made)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    return made


def test_random_sizes_stay_inside_their_memory(program: Path) -> None:
    ran = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, 'clean\n'), ran.stderr[:2000]


def test_a_line_too_little_is_found(program: Path) -> None:
    ran = subprocess.run([program, 'plant'], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode not in (0, 3)
    assert 'AddressSanitizer' in ran.stderr
