"""The time steps of an unroll, taken out of a pool's own memory one by one."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch

from srwm.worker.engine.calls import DTYPES


class ObservationSource(Protocol):
    """What time steps need to know of a pool."""

    num_envs: int
    observation_shape: tuple[int, ...]
    observation_dtype: str
    observations: np.ndarray
    """Where the pool keeps every slot's current observation."""

    def observation_rows(self, count: int) -> np.ndarray | None:
        """Memory that the pool itself writes observations to, if it has any."""


class TimeSteps:
    """`observation`, `reward` and `is_first`, [rows, B, ...] each, on one device."""

    def __init__(self, pool: ObservationSource, rows: int, device: torch.device, *, one_row: bool) -> None:
        """With `one_row` nobody keeps observations: on a CPU the row is the pool's own memory."""
        batch = pool.num_envs
        self._last = 0 if one_row else rows - 1
        self._on_cpu = device.type == 'cpu'
        self._in_place = one_row and self._on_cpu
        written = None if one_row or not self._on_cpu else pool.observation_rows(rows)
        self._pool_writes = written is not None
        if self._in_place:
            self.observation = torch.from_numpy(pool.observations)[None]
        elif written is not None:
            self.observation = torch.from_numpy(written)
        else:
            self.observation = torch.empty(
                (self._last + 1, batch, *pool.observation_shape),
                dtype=DTYPES[pool.observation_dtype],
                device=device,
            )
        self.reward = torch.empty((rows, batch), device=device)
        self.is_first = torch.empty((rows, batch), dtype=torch.bool, device=device)
        self._batch = batch
        if self._on_cpu:
            # While the environments wait: numpy copies memory at twice the speed of torch, and for a few bytes a
            # memoryview costs a fraction of either.
            self._observation = self.observation.numpy()
            self._reward = self.reward.numpy().reshape(-1).data
            self._is_first = self.is_first.numpy().reshape(-1).data

    def row(self, t: int) -> int:
        """Where the observation of step t lies."""
        return min(t, self._last)

    def row_to_write(self, t: int) -> int | None:
        """The row that the pool shall write step t to, or None: `take` copies it then."""
        return t if self._pool_writes else None

    def take(self, t: int, step: Any, slots: slice, *, written: bool) -> None:
        """Copies step t of some slots, observations only if the pool has not `written` them to their row itself.

        The pool may overwrite its own memory afterwards; with `one_row` on a CPU that is the observation.
        """
        if not self._on_cpu:
            self.observation[self.row(t), slots].copy_(torch.from_numpy(step.observation))
            self.reward[t, slots].copy_(torch.from_numpy(step.reward))
            self.is_first[t, slots].copy_(torch.from_numpy(step.is_first))
            return
        if not (written or self._in_place):
            self._observation[self.row(t), slots] = step.observation
        first = t * self._batch
        flat = slice(first + slots.start, first + slots.stop)
        self._reward[flat] = step.reward
        self._is_first[flat] = step.is_first
