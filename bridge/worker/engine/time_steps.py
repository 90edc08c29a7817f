"""The time steps of an unroll, copied out of a pool's own memory one by one."""

from __future__ import annotations

from typing import Any

import torch

from srwm.worker.engine.calls import DTYPES


class TimeSteps:
    """`observation`, `reward` and `is_first`, [rows, B, ...] each, on one device."""

    def __init__(
        self,
        rows: int,
        num_envs: int,
        shape: tuple[int, ...],
        dtype: str,
        device: torch.device,
        *,
        one_row: bool,
    ) -> None:
        """With `one_row` every observation goes through the same row: nobody keeps them."""
        self._last = 0 if one_row else rows - 1
        self.observation = torch.empty((self._last + 1, num_envs, *shape), dtype=DTYPES[dtype], device=device)
        self.reward = torch.empty((rows, num_envs), device=device)
        self.is_first = torch.empty((rows, num_envs), dtype=torch.bool, device=device)
        tensors = (self.observation, self.reward, self.is_first)
        # numpy copies host memory at twice the speed of torch, while the environments wait.
        self._views = tuple(tensor.numpy() for tensor in tensors) if device.type == 'cpu' else None

    def row(self, t: int) -> int:
        """Where the observation of step t lies."""
        return min(t, self._last)

    def take(self, t: int, step: Any, slots: slice) -> None:
        """Copies step t of some slots; the pool may overwrite its own memory afterwards."""
        if self._views is not None:
            observation, reward, is_first = self._views
            observation[self.row(t), slots] = step.observation
            reward[t, slots] = step.reward
            is_first[t, slots] = step.is_first
            return
        self.observation[self.row(t), slots].copy_(torch.from_numpy(step.observation))
        self.reward[t, slots].copy_(torch.from_numpy(step.reward))
        self.is_first[t, slots].copy_(torch.from_numpy(step.is_first))
