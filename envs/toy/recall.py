"""`recall`: a cue is shown once and must be named some steps later; unsolvable without memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..fields import INT32_MAX, SpecFields
from .toy_pool import SlotDraws, ToyPool


class RecallPool(ToyPool):
    """Observation uint8 [num_cues]: 255 at the cue in an episode's first time step, zeros afterwards.

    An episode lasts `delay + 1` steps. The action of its last step names a cue: reward 1 if it is the one
    shown, else 0; every other action is free. With `blank` the cue is never shown.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        fields = SpecFields('recall pool', spec)
        num_envs, num_groups = fields.slots_and_groups()
        num_cues = fields.integer('num_cues', 2, 256)
        self._delay = fields.integer('delay', 1, 1 << 20)
        self._blank = fields.boolean('blank')
        self._draws = SlotDraws(fields.integer('seed', 0, INT32_MAX), num_cues)
        fields.finish()
        super().__init__(
            name='recall',
            num_envs=num_envs,
            num_groups=num_groups,
            num_actions=num_cues,
            observation_shape=(num_cues,),
            identity={name: spec[name] for name in ('num_cues', 'delay', 'blank', 'seed')},
        )
        self._cue = np.zeros(num_envs, np.int64)
        self._start()

    def _variables(self) -> dict[str, np.ndarray]:
        return {'cue': self._cue}

    def _open_episodes(self, slots: np.ndarray) -> None:
        for slot in slots:
            self._cue[slot] = self._draws.draw(int(slot), int(self._episode_index[slot]))

    def _advance(self, slots: range, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = slice(slots.start, slots.stop)
        ended = self._episode_step[rows] == self._delay + 1
        named = ended & (actions == self._cue[rows])
        return named.astype(np.float32), ended, named

    def _draw_observation(self, slots: range) -> None:
        every = np.arange(slots.start, slots.stop)
        self.observations[every] = 0
        if self._blank:
            return
        opened = every[self._episode_step[every] == 0]
        self.observations[opened, self._cue[opened]] = 255
