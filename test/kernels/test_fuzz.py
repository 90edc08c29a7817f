"""Short fuzz campaigns in processes of their own: one as users run the kernels, one under sanitizers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from srwm.kernels.build import find_compiler

ROOT = Path(__file__).resolve().parents[2]
FUZZ = Path(__file__).with_name('fuzz.py')


def campaign(seconds: int, seed: int, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FUZZ), '--seconds', str(seconds), '--seed', str(seed)],
        env={**os.environ, 'PYTHONPATH': str(ROOT / 'py'), **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_random_calls_agree_with_the_plain_loop() -> None:
    finished = campaign(4, 1)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert ' 0 failures' in finished.stdout


def test_random_calls_under_address_and_undefined_behaviour_sanitizers(tmp_path: Path) -> None:
    """A finding ends the process: sanitizers print it and abort."""
    compiler = find_compiler()
    runtime = None if compiler is None else sanitizer(compiler)
    if compiler is None or runtime is None:
        pytest.skip('no C++ compiler with libasan: install g++ to run it')
    wrapper = tmp_path / 'compiler'
    flags = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-sanitize=vptr -O1 -g1'
    wrapper.write_text(f'#!/bin/sh\nexec {compiler} "$@" {flags}\n')
    wrapper.chmod(0o755)
    finished = campaign(
        6,
        2,
        CXX=str(wrapper),
        SRWM_CACHE=str(tmp_path),
        # libstdc++ too: it must be there when libasan looks for the function that throws.
        LD_PRELOAD=runtime,
        # CPython and torch leave memory behind on purpose.
        ASAN_OPTIONS='detect_leaks=0:abort_on_error=1',
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr[-4000:]
    assert ' 0 failures (float32: all instruction sets)' in finished.stdout


def sanitizer(compiler: str) -> str | None:
    """The libraries of the compiler that must be loaded before Python, or None."""
    found = []
    for name in ('libasan.so', 'libstdc++.so'):
        command = [compiler, f'-print-file-name={name}']
        asked = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        # A bare name comes back for a library that the compiler does not have.
        if not Path(asked).is_absolute():
            return None
        found.append(os.path.realpath(asked))
    return ' '.join(found)
