"""Timing that waits for the device."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """Wall seconds of one call, with everything it queued on the device."""
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def in_turns(
    ours: Callable[[], Any], rival: Callable[[], Any], device: torch.device, *, ours_first: bool
) -> dict[str, float]:
    """One pair: both once, the order given by the driver so that neither always profits from the other's caches."""
    order = (('ours', ours), ('rival', rival)) if ours_first else (('rival', rival), ('ours', ours))
    return {name: seconds_of(work, device) for name, work in order}


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
