"""Sums rewards per slot and keeps the records of finished episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .pool import Episode

_COLUMNS = 6
_LOG_STEPS = 1024


@dataclass(frozen=True, kw_only=True)
class StepArrays:
    """Views of what the last step of a group wrote, [n] each, contiguous and the same for life."""

    reward: np.ndarray
    is_first: np.ndarray
    """[n] bool: the step ended the slot's episode."""
    level: np.ndarray
    """[n] integer: the level in which the step was taken."""
    completed: np.ndarray
    """[n] bool or uint8: the step completed it."""


class EpisodeLedger:
    """Running return and length of each slot's episode, and the finished ones nobody has asked for yet.

    A step is only logged as bytes and summed up later: beside busy hosts the caches are cold, where each
    numpy call costs tens of microseconds and takes them from the hosts.
    """

    def __init__(self, games: Sequence[str], groups: Sequence[tuple[range, StepArrays]]) -> None:
        """`groups` has the slots of each group and the arrays that its steps fill."""
        self._games = games
        self._return = np.zeros(len(games), np.float64)
        self._length = np.zeros(len(games), np.int64)
        self._env_step = np.zeros(len(games), np.int64)
        # Rows of (env step, slot, return, length, level, completed); float64 holds each of them exactly.
        self._finished: list[tuple[float, ...]] = []
        self._groups = [(slots, arrays, arrays.reward.data, arrays.is_first.data) for slots, arrays in groups]
        self._log: list[tuple[int, bytes, bytes, np.ndarray | None, np.ndarray | None]] = []

    def record(self, group: int) -> None:
        """Adds the step that the group's arrays now hold."""
        _, arrays, reward, is_first = self._groups[group]
        ended = bytes(is_first)
        if b'\x01' in ended:
            self._log.append((group, bytes(reward), ended, arrays.level.copy(), arrays.completed.copy()))
        else:
            self._log.append((group, bytes(reward), ended, None, None))
        if len(self._log) >= _LOG_STEPS:
            self._sum_up()

    def _sum_up(self) -> None:
        log, self._log = self._log, []
        for group, reward, ended, level, completed in log:
            slots = self._groups[group][0]
            rows = slice(slots.start, slots.stop)
            self._return[rows] += np.frombuffer(reward, np.float32)
            self._length[rows] += 1
            self._env_step[rows] += 1
            if level is None or completed is None:
                continue
            for index in np.flatnonzero(np.frombuffer(ended, np.bool_)).tolist():
                slot = slots.start + index
                self._finished.append(
                    (
                        float(self._env_step[slot]),
                        float(slot),
                        float(self._return[slot]),
                        float(self._length[slot]),
                        float(level[index]),
                        float(completed[index]),
                    )
                )
                self._return[slot] = 0.0
                self._length[slot] = 0

    def take(self) -> list[Episode]:
        """The finished episodes since the last call, ordered by step, then slot."""
        self._sum_up()
        finished, self._finished = sorted(self._finished), []
        return [
            Episode(
                slot=int(slot),
                game=self._games[int(slot)],
                episode_return=episode_return,
                episode_length=int(length),
                level=int(level),
                completed=bool(completed),
            )
            for _, slot, episode_return, length, level, completed in finished
        ]

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of all of it, by slot, so that it can be restored with other groups."""
        self._sum_up()
        return {
            'episode_return': self._return.copy(),
            'episode_length': self._length.copy(),
            'episode_env_step': self._env_step.copy(),
            'episode_finished': np.array(sorted(self._finished), np.float64).reshape(-1, _COLUMNS),
        }

    def shapes(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Dtype and shape of each array of a state; None is any size."""
        slots = len(self._games)
        return {
            'episode_return': ('<f8', (slots,)),
            'episode_length': ('<i8', (slots,)),
            'episode_env_step': ('<i8', (slots,)),
            'episode_finished': ('<f8', (None, _COLUMNS)),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` returned."""
        self._log = []
        self._return[:] = state['episode_return']
        self._length[:] = state['episode_length']
        self._env_step[:] = state['episode_env_step']
        self._finished = [tuple(map(float, row)) for row in state['episode_finished']]
