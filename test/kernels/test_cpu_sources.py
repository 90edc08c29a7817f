"""What hands arguments to the C++ kernels names every field: a new one that it leaves out is no silent null."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from srwm.kernels.build import STABLE_ABI, find_compiler, torch_folder

ROOT = Path(__file__).resolve().parents[2]
CALLERS = [
    *(f'kernels/{op}/cpu/{name}.cpp' for op in ('srwm', 'delta_rule') for name in ('op', 'step_op')),
    'kernels/conv2d/cpu/op.cpp',
    'kernels/max_pool2d/cpu/op.cpp',
    *(f'test/kernels/neon/{op}.cpp' for op in ('srwm', 'delta_rule')),
]


def check(source: Path) -> subprocess.CompletedProcess[str]:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip('there is no C++ compiler: install g++')
    # Torch's own headers are not ours to judge.
    command = [compiler, '-std=c++20', '-fsyntax-only', '-Werror=missing-field-initializers', STABLE_ABI]
    command += ['-isystem', str(torch_folder() / 'include'), str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize('source', CALLERS)
def test_every_field_of_the_arguments_is_named(source: str) -> None:
    found = check(ROOT / source)
    assert found.returncode == 0, found.stderr


def test_a_field_left_out_is_found(tmp_path: Path) -> None:
    """The check itself: the table of gradients was once left out in this program, and the kernels wrote to null."""
    program = (ROOT / 'test/kernels/neon/srwm.cpp').read_text()
    spoiled = program.replace(',\n                            .of_w = of_w.data()', '')
    assert spoiled != program
    source = tmp_path / 'spoiled.cpp'
    folder = ROOT / 'test/kernels/neon'
    source.write_text(
        spoiled.replace('"../../../', f'"{ROOT}/').replace('"check.h"', f'"{folder / "check.h"}"')
    )
    found = check(source)
    assert found.returncode != 0
    assert 'of_w' in found.stderr
