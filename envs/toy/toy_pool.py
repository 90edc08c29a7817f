"""The pool behind the tiny games: groups, auto-reset, episode records and states; a game adds its rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..actions import check_actions
from ..episodes import EpisodeLedger, StepArrays
from ..errors import EnvError
from ..groups import Groups
from ..pool import Episode, Fault, TimeStep, unheard
from ..seal import seal, unseal

_DRAWS = 256


class SlotDraws:
    """Draw number k of slot i is a fixed function of (seed, i, k): counter-based, in blocks of 256."""

    def __init__(self, seed: int, high: int) -> None:
        self._seed = seed
        self._high = high
        self._blocks: dict[int, tuple[int, np.ndarray]] = {}

    def draw(self, slot: int, index: int) -> int:
        """An integer in [0, high)."""
        block, offset = divmod(index, _DRAWS)
        cached = self._blocks.get(slot)
        if cached is None or cached[0] != block:
            bits = np.random.Philox(key=self._seed, counter=[0, 0, block, slot])
            cached = (block, np.random.Generator(bits).integers(self._high, size=_DRAWS))
            self._blocks[slot] = cached
        return int(cached[1][offset])


class ToyPool(ABC):
    """Steps `num_envs` copies of one game at once.

    A game fills `observations` in `_draw_observation`, moves in `_advance`, opens episodes in
    `_open_episodes`, and names its own arrays in `_variables`.
    """

    def __init__(
        self,
        *,
        name: str,
        num_envs: int,
        num_groups: int,
        num_actions: int,
        observation_shape: tuple[int, ...],
        identity: Mapping[str, Any],
    ) -> None:
        self.on_progress = unheard
        self.num_envs = num_envs
        self.num_groups = num_groups
        self.num_actions = num_actions
        self.observation_shape = observation_shape
        self.observation_dtype = 'uint8'
        self.truncates = False
        self.games = [name] * num_envs
        self._who = f'{name} pool'
        self._identity = {'kind': name, 'num_envs': num_envs, **identity}
        self.observations = np.zeros((num_envs, *observation_shape), np.uint8)
        self._reward = np.zeros(num_envs, np.float32)
        self._is_first = np.ones(num_envs, np.bool_)
        self._is_truncated = np.zeros(num_envs, np.bool_)
        self._episode_index = np.full(num_envs, -1, np.int64)
        self._episode_step = np.zeros(num_envs, np.int64)
        self._completed = np.zeros(num_envs, np.bool_)
        self._level = np.full(num_envs, -1, np.int64)
        self._groups = Groups(self._who, num_envs, num_groups)
        groups = [self.slots(group) for group in range(num_groups)]
        self._time_steps = [self._time_step(slots) for slots in groups]
        self._ledger = EpisodeLedger(self.games, [(slots, self._step_arrays(slots)) for slots in groups])

    @abstractmethod
    def _variables(self) -> dict[str, np.ndarray]:
        """The game's own arrays, [num_envs, ...] each, beside those of every toy pool."""

    @abstractmethod
    def _open_episodes(self, slots: np.ndarray) -> None:
        """Sets the variables of slots [k] whose `_episode_index` has just moved on."""

    @abstractmethod
    def _advance(self, slots: range, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Moves slots by actions [n]; returns reward [n], ended [n] and completed [n]."""

    @abstractmethod
    def _draw_observation(self, slots: range) -> None:
        """Fills the rows of `observations`."""

    def _start(self) -> None:
        self._reset(np.arange(self.num_envs))
        self._draw_observation(range(self.num_envs))

    def _reset(self, slots: np.ndarray) -> None:
        self._episode_index[slots] += 1
        self._episode_step[slots] = 0
        self._open_episodes(slots)

    def _step_arrays(self, slots: range) -> StepArrays:
        rows = slice(slots.start, slots.stop)
        return StepArrays(
            reward=self._reward[rows],
            is_first=self._is_first[rows],
            level=self._level[rows],
            completed=self._completed[rows],
        )

    def _time_step(self, slots: range) -> TimeStep:
        rows = slice(slots.start, slots.stop)
        return TimeStep(
            observation=self.observations[rows],
            reward=self._reward[rows],
            is_first=self._is_first[rows],
            is_truncated=self._is_truncated[rows],
        )

    def slots(self, group: int) -> range:
        return self._groups.slots(group)

    def current(self, group: int) -> TimeStep:
        self._groups.expect_awaiting(group)
        return self._time_steps[group]

    def observation_rows(self, count: int) -> None:
        """None: a step here costs less than telling it where to write."""
        return

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        slots = self._groups.expect_awaiting(group)
        check_actions(self._who, actions, len(slots), self.num_actions)
        rows = slice(slots.start, slots.stop)
        self._episode_step[rows] += 1
        reward, ended, completed = self._advance(slots, actions)
        self._reward[rows] = reward
        self._is_first[rows] = ended
        self._completed[rows] = completed
        self._ledger.record(group)
        if ended.any():
            self._reset(np.flatnonzero(ended) + slots.start)
        self._draw_observation(slots)
        self._groups.sent(group)

    def wait(self) -> int:
        return next(iter(self._groups.expect_in_flight()))

    def receive(self, group: int) -> TimeStep:
        self._groups.expect_flying(group)
        self._groups.received(group)
        return self.current(group)

    def levels(self) -> np.ndarray:
        return self._level.copy()

    def queue_levels(self, orders: Sequence[Mapping[str, Any]]) -> None:
        raise EnvError(
            'ENV_NO_LEVELS',
            f'{self._who}: queue_levels needs an environment with levels, and this one has none.',
            'Use ProcGen, or evaluate by episodes.',
        )

    def episodes(self) -> list[Episode]:
        return self._ledger.take()

    def faults(self) -> list[Fault]:
        """None: these games have none."""
        return []

    def _arrays(self) -> dict[str, np.ndarray]:
        return {
            'observation': self.observations,
            'reward': self._reward,
            'is_first': self._is_first,
            'episode_index': self._episode_index,
            'episode_step': self._episode_step,
            **self._variables(),
        }

    def get_state(self) -> dict[str, np.ndarray]:
        self._groups.expect_idle()
        copies = {name: array.copy() for name, array in self._arrays().items()}
        return seal({**copies, **self._ledger.get_state()}, self._identity)

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self._groups.expect_open()
        arrays = self._arrays()
        shapes = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
        checked = unseal(self._who, state, self._identity, {**shapes, **self._ledger.shapes()})
        for name, array in arrays.items():
            array[...] = checked[name]
        self._ledger.set_state(checked)
        for group in self._groups.in_flight():
            self._groups.received(group)

    def close(self) -> None:
        self._groups.close()
