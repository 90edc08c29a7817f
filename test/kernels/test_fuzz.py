"""Short fuzz campaigns in processes of their own: as users run kernels, in Triton's interpreter, under sanitizers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sanitized

ROOT = Path(__file__).resolve().parents[2]
FUZZ = Path(__file__).with_name('fuzz.py')


def campaign(seconds: int, seed: int, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FUZZ), '--seconds', str(seconds), '--seed', str(seed), *options],
        env={**os.environ, 'PYTHONPATH': str(ROOT / 'py')},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def assert_no_failure(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode == 0, finished.stdout + finished.stderr[-4000:]
    assert ' 0 failures' in finished.stdout


def test_random_calls_agree_with_the_plain_loop() -> None:
    assert_no_failure(campaign(4, 1))


def test_random_calls_of_the_triton_form_agree_with_the_plain_loop() -> None:
    assert_no_failure(campaign(6, 1, '--implementations', 'triton'))


def test_random_calls_of_the_cpp_form_under_sanitizers(tmp_path: Path) -> None:
    """The portable form of both ops, compiled anew; a finding ends the process."""
    if why := sanitized.missing():
        pytest.skip(why)
    assert_no_failure(sanitized.campaign(tmp_path, 4, 2, ['portable']))
