"""What the kernel programs share: two callables that must agree before either is timed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from drivers.clock import in_turns
from srwm.kernels import explain


class Sides:
    """Ours and the rival: functions of no argument that return the tensors they made."""

    def __init__(self, ours: Callable[[], Sequence[Tensor]], rival: Callable[[], Sequence[Tensor]]):
        self._ours, self._rival = ours, rival

    def difference(self) -> float:
        """The largest difference, each tensor's own size being one."""
        pairs = zip(self._ours(), self._rival(), strict=True)
        return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)

    def warm_up(self, seconds: float) -> None:
        """Calls both once more and finds how many calls of each fill so many seconds."""
        self._calls = tuple(max(1, round(seconds / seconds_of(side))) for side in (self._ours, self._rival))

    def pair(self, device: torch.device, *, ours_first: bool) -> dict[str, float]:
        """Seconds of one call each."""
        mine, theirs = self._calls
        pair = in_turns(
            repeated(self._ours, mine), repeated(self._rival, theirs), device, ours_first=ours_first
        )
        return {'ours': pair['ours'] / mine, 'rival': pair['rival'] / theirs}


def repeated(side: Callable[[], Any], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            side()

    return run


def seconds_of(side: Callable[[], Any]) -> float:
    started = time.perf_counter()
    side()
    return time.perf_counter() - started


class TookTooLong(BaseException):
    """No Exception: a compiler would catch that and go on."""


def within(limit: int, work: Callable[[], Any]) -> float | None:
    """Seconds that `work` took, or None where it was stopped after `limit` seconds."""

    def stop(*_: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    started = time.perf_counter()
    try:
        work()
    except TookTooLong:
        return None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return time.perf_counter() - started


def served_by(op: str, device: str) -> dict[str, str]:
    chosen = explain(op, device=device)
    return {'implementation': chosen.implementation, 'reason': chosen.reason}
