"""`catch`: a ball falls through a small image, a paddle at the bottom catches it or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..fields import INT32_MAX, SpecFields
from .toy_pool import SlotDraws, ToyPool

_LEFT_STAY_RIGHT = 3


class CatchPool(ToyPool):
    """Observation uint8 [rows, columns, 3], 255 where ball and paddle are; actions left, stay, right.

    The ball starts in a random column of the top row and falls one row a step; the paddle starts in the
    middle of the bottom row. An episode lasts `rows - 1` steps; its last reward is +1 for a catch, else -1,
    so that a perfect player's return is 1. With `blank` every observation is black.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        fields = SpecFields('catch pool', spec)
        num_envs, num_groups = fields.slots_and_groups()
        self._rows = fields.integer('rows', 3, 256)
        self._columns = fields.integer('columns', 3, 256)
        self._blank = fields.boolean('blank')
        self._draws = SlotDraws(fields.integer('seed', 0, INT32_MAX), self._columns)
        if self._columns // 2 > self._rows - 1:
            fields.fault(
                'ENV_OPTION',
                f'rows must be above columns // 2 ({self._columns // 2}), got {self._rows}: '
                'the paddle could not reach every ball',
                'Raise rows or lower columns.',
            )
        fields.finish()
        super().__init__(
            name='catch',
            num_envs=num_envs,
            num_groups=num_groups,
            num_actions=_LEFT_STAY_RIGHT,
            observation_shape=(self._rows, self._columns, 3),
            identity={name: spec[name] for name in ('rows', 'columns', 'blank', 'seed')},
        )
        self._ball = np.zeros(num_envs, np.int64)
        self._paddle = np.zeros(num_envs, np.int64)
        self._start()

    def _variables(self) -> dict[str, np.ndarray]:
        return {'ball': self._ball, 'paddle': self._paddle}

    def _open_episodes(self, slots: np.ndarray) -> None:
        for slot in slots:
            self._ball[slot] = self._draws.draw(int(slot), int(self._episode_index[slot]))
        self._paddle[slots] = self._columns // 2

    def _advance(self, slots: range, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = slice(slots.start, slots.stop)
        moved = self._paddle[rows] + actions.astype(np.int64) - 1
        self._paddle[rows] = np.clip(moved, 0, self._columns - 1)
        ended = self._episode_step[rows] == self._rows - 1
        caught = ended & (self._paddle[rows] == self._ball[rows])
        return np.where(caught, 1.0, np.where(ended, -1.0, 0.0)), ended, caught

    def _draw_observation(self, slots: range) -> None:
        if self._blank:
            return
        every = np.arange(slots.start, slots.stop)
        self.observations[every] = 0
        self.observations[every, self._episode_step[every], self._ball[every]] = 255
        self.observations[every, self._rows - 1, self._paddle[every]] = 255
