"""`python -m drivers.rival_loop`: a rival's training loop on real ProcGen, so many units of learning at a time."""

from __future__ import annotations

import importlib
import time
from typing import Any

import torch
from rivals.loop import Setting

from drivers.serve import serve

RIVALS = ('cleanrl', 'cleanrl_tuned', 'torchbeast', 'torchbeast_tuned')


class Bench:
    """One rival at a time; it stands still between two calls."""

    def open(self, *, rival: str, setting: dict[str, Any]) -> dict[str, int]:
        """Builds the loop."""
        if rival not in RIVALS:
            raise ValueError(f'rival must be one of {RIVALS}, got {rival}')
        torch.set_num_threads(setting['threads'])
        self._loop = importlib.import_module(f'rivals.{rival}').Loop(Setting(**setting))
        return {'parameters': self._loop.parameters, 'threads': torch.get_num_threads()}

    def run(self, *, updates: int) -> float:
        """Env steps a second."""
        started = time.perf_counter()
        env_steps = self._loop.run(updates)
        return env_steps / (time.perf_counter() - started)

    def close(self) -> None:
        """Ends the rival's processes."""
        self._loop.close()


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'run': bench.run, 'close': bench.close})
