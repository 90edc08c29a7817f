"""A short fuzz campaign in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
