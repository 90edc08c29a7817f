"""Sums rewards per slot and keeps the records of finished episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .pool import Episode

_COLUMNS = 6


class EpisodeLedger:
    """Running return and length of each slot's episode, and the finished ones nobody has asked for yet."""

    def __init__(self, games: Sequence[str]) -> None:
        self._games = games
        self._return = np.zeros(len(games), np.float64)
        self._length = np.zeros(len(games), np.int64)
        self._env_step = np.zeros(len(games), np.int64)
        # Rows of (env step, slot, return, length, level, completed); float64 holds each of them exactly.
        self._finished: list[tuple[float, ...]] = []

    def record(
        self, slots: range, reward: np.ndarray, is_first: np.ndarray, level: np.ndarray, completed: np.ndarray
    ) -> None:
        """Adds one step of `slots`: `level` and `completed` [n] describe the step just taken."""
        rows = slice(slots.start, slots.stop)
        self._return[rows] += reward
        self._length[rows] += 1
        self._env_step[rows] += 1
        for index in np.flatnonzero(is_first):
            slot = slots.start + int(index)
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
        """Copies of all of it."""
        return {
            "episode_return": self._return.copy(),
            "episode_length": self._length.copy(),
            "episode_env_step": self._env_step.copy(),
            "episode_finished": np.array(self._finished, np.float64).reshape(-1, _COLUMNS),
        }

    def shapes(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Dtype and shape of each array of a state; None is any size."""
        slots = len(self._games)
        return {
            "episode_return": ("<f8", (slots,)),
            "episode_length": ("<i8", (slots,)),
            "episode_env_step": ("<i8", (slots,)),
            "episode_finished": ("<f8", (None, _COLUMNS)),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` returned."""
        self._return[:] = state["episode_return"]
        self._length[:] = state["episode_length"]
        self._env_step[:] = state["episode_env_step"]
        self._finished = [tuple(map(float, row)) for row in state["episode_finished"]]
