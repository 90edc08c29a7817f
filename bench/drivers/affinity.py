"""`python -m drivers.affinity`: holds another process, with all of its threads, to one core."""

from __future__ import annotations

import os
from pathlib import Path

from drivers.serve import serve


def pin(*, pid: int) -> dict[str, list[int]]:
    """Moves every thread of `pid` to the last core it may use, and so what it starts later; returns those it had."""
    cores = sorted(os.sched_getaffinity(pid))
    _set(pid, cores[-1:])
    return {'cores': cores}


def release(*, pid: int, cores: list[int]) -> None:
    """Gives the cores back."""
    _set(pid, cores)


def _set(pid: int, cores: list[int]) -> None:
    for thread in Path(f'/proc/{pid}/task').iterdir():
        os.sched_setaffinity(int(thread.name), cores)


if __name__ == '__main__':
    serve({'pin': pin, 'release': release})
