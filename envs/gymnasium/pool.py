"""The Gymnasium pool: any team's environment, vectorised over host processes, each slot's faults its own."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..actions import check_actions
from ..episodes import EpisodeLedger, StepArrays
from ..errors import EnvError
from ..groups import Groups
from ..levels import check_orders
from ..pool import Episode, Fault, Progress, TimeStep, unheard
from ..seal import seal, unseal
from .faults import WHO
from .options import GymnasiumSpec, parse_spec
from .slots import Slots

_STATE_FIELDS = ('observation', 'reward', 'is_first', 'episode')


class GymnasiumPool:
    """`Pool` of one Gymnasium environment; slot i's episode k is reset with a seed of (seed, i, k) alone.

    With levels that seed chooses one of them, and the level is the seed of the reset; queued levels come first. A
    queued level whose episode a fault cuts short is begun again.

    The same spec and actions give the same bits, whatever the number of hosts and groups, as long as the environment
    itself gives the same for the same seed and actions. A state is a seed and the actions since: restoring plays them
    again, and a slot whose environment then shows something else begins a new episode, which is a fault.
    """

    def __init__(self, spec: Mapping[str, Any], on_progress: Progress = unheard) -> None:
        """Raises `EnvError` for a faulty spec, and where the environment cannot be made or reset."""
        parsed = parse_spec(spec)
        _check_places(parsed)
        self.num_envs, self.num_groups = parsed.num_envs, parsed.num_groups
        self.truncates = True
        self.games = [_name_of(parsed.env)] * parsed.num_envs
        self._identity = parsed.identity()
        self._groups = Groups(WHO, self.num_envs, self.num_groups)
        self.on_progress = on_progress
        self._slots = Slots(parsed, lambda: self.on_progress())
        spaces = self._slots.spaces or {}
        self.observation_shape = tuple(spaces['observation_shape'])
        self.observation_dtype: str = spaces['observation_dtype']
        self.num_actions: int = spaces['num_actions']
        self._arrays = self._slots.arrays
        self.observations = self._arrays['observation']
        # The level in which the last step was taken: where it ended an episode the slot is in another by now.
        self._level = self._arrays['level'].copy()
        self._has_levels = parsed.num_levels is not None
        groups = [self.slots(group) for group in range(self.num_groups)]
        self._time_steps = [self._time_step(slots) for slots in groups]
        self._ledger = EpisodeLedger(self.games, [(slots, self._step_arrays(slots)) for slots in groups])

    @property
    def _state_fields(self) -> tuple[str, ...]:
        return (*_STATE_FIELDS, *(('level', 'queued') if self._has_levels else ()))

    @property
    def host_pids(self) -> list[int]:
        """The process of each host, for tests of their supervision."""
        return self._slots.host_pids

    def slots(self, group: int) -> range:
        return self._groups.slots(group)

    def _step_arrays(self, slots: range) -> StepArrays:
        rows = slice(slots.start, slots.stop)
        return StepArrays(
            reward=self._arrays['reward'][rows],
            is_first=self._arrays['is_first'][rows],
            level=self._level[rows],
            completed=self._arrays['completed'][rows],
        )

    def _time_step(self, slots: range) -> TimeStep:
        rows = slice(slots.start, slots.stop)
        names = ('observation', 'reward', 'is_first', 'is_truncated', 'final_observation')
        return TimeStep(**{name: self._arrays[name][rows] for name in names})

    def current(self, group: int) -> TimeStep:
        self._groups.expect_awaiting(group)
        return self._time_steps[group]

    def observation_rows(self, count: int) -> None:
        """None: next to an environment in Python a copy costs nothing."""
        return

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        slots = self._groups.expect_awaiting(group)
        self._arrays['action'][slots.start : slots.stop] = check_actions(
            WHO, actions, len(slots), self.num_actions
        )
        self._slots.send(group, slots)
        self._groups.sent(group)

    def wait(self) -> int:
        group = self._slots.first_to_answer(self._groups.expect_in_flight())
        self._abandon_forgotten()
        return group

    def receive(self, group: int) -> TimeStep:
        slots = self._groups.expect_flying(group)
        cut = self._slots.receive(group, slots)
        self._groups.received(group)
        self._abandon_forgotten()
        self._ledger.record(group)
        for slot in cut:
            self._ledger.abandon(slot, ended=True)
        if self._has_levels:
            ended = self._arrays['is_first'][slots.start : slots.stop]
            self._follow_levels((np.flatnonzero(ended) + slots.start).tolist())
        return self._time_steps[group]

    def _abandon_forgotten(self) -> None:
        forgotten = self._slots.take_forgotten()
        for slot in forgotten:
            self._ledger.abandon(slot, ended=False)
        self._follow_levels(forgotten)

    def _follow_levels(self, slots: Collection[int]) -> None:
        """Notes the level that each of these slots has begun, and what its next episode is to play."""
        if not slots:
            return
        pending = self._ledger.pending_levels()
        for slot in slots:
            self._level[slot] = self._arrays['level'][slot]
            self._arrays['next_level'][slot] = pending.get(slot, (-1,))[0]

    def levels(self) -> np.ndarray:
        self._groups.expect_open()
        return self._level.copy()

    def queue_levels(self, orders: Sequence[Mapping[str, Any]]) -> None:
        if not self._has_levels:
            raise EnvError(
                'ENV_NO_LEVELS',
                f'{WHO}: queue_levels needs an environment with levels, and this one has none.',
                'Set environment.numLevels, if reset(seed=...) decides what is played, or evaluate by episodes.',
            )
        self._groups.expect_idle()
        checked = check_orders(WHO, orders, self.num_envs)
        self._ledger.queue_levels(checked)
        anew = [order for order in checked if order.restart]
        for order in anew:
            self._arrays['next_level'][order.slot] = order.levels[0]
        self._slots.begin([order.slot for order in anew])
        self._follow_levels([order.slot for order in checked])

    def episodes(self) -> list[Episode]:
        return self._ledger.take()

    def faults(self) -> list[Fault]:
        return self._slots.faults.take()

    def get_state(self) -> dict[str, np.ndarray]:
        """The current time step, the ledger, and of each slot's episode its number and actions."""
        self._groups.expect_idle()
        state = {
            **{name: self._arrays[name].copy() for name in self._state_fields},
            **self._ledger.get_state(),
            **self._slots.history.get_state(),
            **self._slots.faults.get_state(),
        }
        return seal(state, self._identity)

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self._groups.expect_open()
        shapes: dict[str, tuple[str, tuple[int | None, ...]]] = {
            **{name: (self._arrays[name].dtype.str, self._arrays[name].shape) for name in self._state_fields},
            **self._ledger.shapes(),
            **self._slots.history.shapes(),
            **self._slots.faults.shapes(),
        }
        checked = unseal(WHO, state, self._identity, shapes)
        for group in self._groups.in_flight():
            self._slots.receive(group, self.slots(group))
            self._groups.received(group)
        for name in self._state_fields:
            self._arrays[name][...] = checked[name]
        self._ledger.set_state(checked)
        self._slots.history.set_state(checked)
        self._slots.faults.set_state(checked)
        self._slots.restore()
        self._abandon_forgotten()
        self._follow_levels(range(self.num_envs))

    def close(self) -> None:
        if self._groups.close():
            self._slots.close()


def _name_of(env: str) -> str:
    """`CartPole-v1`, or the class or function behind the colon."""
    return env.rpartition(':')[2]


def _check_places(spec: GymnasiumSpec) -> None:
    if sys.platform == 'win32':
        raise EnvError(
            'ENV_PLATFORM',
            f'{WHO}: its hosts need Linux or macOS, got {sys.platform}.',
            'Use a Linux machine or container, or train the toy games here (preset tiny).',
        )
    if not Path(spec.project).is_dir():
        raise EnvError(
            'ENV_OPTION',
            f'{WHO}: project must be a folder, got {spec.project!r}.',
            "Name the folder of the user's project.",
        )
