"""The actions of every slot's running episode: with its seed they lead back to where it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


class History:
    """Ragged rows of actions, one a slot."""

    def __init__(self, num_envs: int) -> None:
        self.lengths = np.zeros(num_envs, np.int64)
        self._actions = np.zeros((num_envs, 64), np.int32)

    def add(self, slots: range, actions: np.ndarray, ended: np.ndarray) -> None:
        """Adds a step of some slots; a row starts anew where the step ended the episode."""
        rows = slice(slots.start, slots.stop)
        if self.lengths[rows].max() == self._actions.shape[1]:
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)], axis=1)
        self._actions[np.arange(slots.start, slots.stop), self.lengths[rows]] = actions
        self.lengths[rows] = np.where(ended, 0, self.lengths[rows] + 1)

    def clear(self, slot: int) -> None:
        """An episode that has just begun."""
        self.lengths[slot] = 0

    def of(self, slot: int) -> list[int]:
        """The actions of a slot's episode so far."""
        return self._actions[slot, : self.lengths[slot]].tolist()

    def get_state(self) -> dict[str, np.ndarray]:
        """`history_length` int64 [num_envs], and all actions one after another."""
        rows = [self._actions[slot, :length] for slot, length in enumerate(self.lengths.tolist())]
        return {'history_length': self.lengths.copy(), 'history': np.concatenate(rows)}

    def shapes(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Dtype and shape of each array of a state; None is any size."""
        return {'history_length': ('<i8', (len(self.lengths),)), 'history': ('<i4', (None,))}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` returned."""
        lengths = state['history_length']
        longest = max(int(lengths.max()), self._actions.shape[1])
        self._actions = np.zeros((len(lengths), longest), np.int32)
        self.lengths[:] = lengths
        for slot, row in enumerate(np.split(state['history'], np.cumsum(lengths)[:-1])):
            self._actions[slot, : len(row)] = row
