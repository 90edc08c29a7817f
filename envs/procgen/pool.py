"""The ProcGen pool: sixteen games in supervised host processes that write into shared memory."""

from __future__ import annotations

import hashlib
import itertools
import platform
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..actions import check_actions
from ..episodes import EpisodeLedger, StepArrays
from ..errors import EnvError
from ..groups import Groups
from ..levels import LevelOrder, check_orders
from ..pool import Episode, Fault, TimeStep, unheard
from ..seal import seal, unseal
from .catalog import LIBRARY_SHA256, NUM_ACTIONS, OBSERVATION_SHAPE
from .hosts import Hosts
from .layout import fields_of
from .memory import OBSERVATION_BYTES, PoolMemory
from .options import parse_spec, share_slots

_WHO = 'procgen pool'
_STATE_FIELDS = ('observation', 'reward', 'is_first', 'level_seed', 'prev_level_seed', 'prev_level_complete')


class ProcgenPool:
    """`Pool` of ProcGen games: slot i plays `games[i mod G]` with a library seed of its own (`slot_seed`).

    The same spec and actions give the same bits, whatever the number of hosts and groups. A time-out is not
    told apart from a termination, and an episode's last observation is never seen: the library has neither.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        """Raises `EnvError` for a faulty spec, a missing or changed library, another platform."""
        parsed = parse_spec(spec)
        check_platform()
        check_library(parsed.library)
        self.on_progress = unheard
        self.games = list(parsed.games)
        self.num_envs = len(self.games)
        self.num_groups = parsed.num_groups
        self.num_actions = NUM_ACTIONS
        self.observation_shape: tuple[int, ...] = OBSERVATION_SHAPE
        self.observation_dtype = 'uint8'
        self.truncates = False
        self._identity = {**parsed.identity(), 'library': LIBRARY_SHA256}
        self._groups = Groups(_WHO, self.num_envs, self.num_groups)
        self._memory = PoolMemory(self.num_envs)
        self._arrays = self._memory.arrays
        self.observations = self._arrays['observation']
        self._answered: int | None = None
        """The group that `wait` just named: its hosts need not be asked again."""
        self._rows_offset: int | None = None
        self._num_rows = 0
        try:
            self._hosts = Hosts(parsed, share_slots(parsed), self._memory.file)
        except BaseException:
            self._memory.close()
            raise
        self._is_truncated = np.zeros(self.num_envs, np.bool_)
        actions = self._arrays['action'].data.cast('B')
        row_offsets = self._arrays['row'].data
        groups = [self.slots(group) for group in range(self.num_groups)]
        self._time_steps = [self._time_step(slots) for slots in groups]
        self._action_rows = [actions[4 * slots.start : 4 * slots.stop] for slots in groups]
        self._pack_actions = struct.Struct(f'={len(groups[0])}i').pack_into
        self._row_offsets = [row_offsets[slots.start : slots.start + 1] for slots in groups]
        self._ledger = EpisodeLedger(self.games, [(slots, self._step_arrays(slots)) for slots in groups])

    @property
    def host_pids(self) -> list[int]:
        """The process of each host, for tests of their supervision."""
        return self._hosts.pids

    def slots(self, group: int) -> range:
        return self._groups.slots(group)

    def _step_arrays(self, slots: range) -> StepArrays:
        rows = slice(slots.start, slots.stop)
        return StepArrays(
            reward=self._arrays['reward'][rows],
            is_first=self._arrays['is_first'][rows],
            level=self._arrays['prev_level_seed'][rows],
            completed=self._arrays['prev_level_complete'][rows],
        )

    def _time_step(self, slots: range) -> TimeStep:
        rows = slice(slots.start, slots.stop)
        return TimeStep(
            observation=self._arrays['observation'][rows],
            reward=self._arrays['reward'][rows],
            is_first=self._arrays['is_first'][rows],
            is_truncated=self._is_truncated[rows],
        )

    def current(self, group: int) -> TimeStep:
        self._groups.expect_awaiting(group)
        return self._time_steps[group]

    def observation_rows(self, count: int) -> np.ndarray:
        self._groups.expect_open()
        rows, self._rows_offset = self._memory.rows(count)
        self._num_rows = count
        return rows

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        slots = self._groups.expect_awaiting(group)
        checked = check_actions(_WHO, actions, len(slots), NUM_ACTIONS)
        self._row_offsets[group][0] = -1 if row is None else self._offset_of(row)
        self._pack_actions(self._action_rows[group], 0, *checked)
        self._hosts.send(group)
        self._groups.sent(group)

    def _offset_of(self, row: int) -> int:
        if self._rows_offset is None or not 0 <= row < self._num_rows:
            raise EnvError(
                'ENV_OPTION',
                f'{_WHO}: row must be in [0, {self._num_rows}), the rows that were asked for, got {row}.',
                'Ask for observation_rows first.',
            )
        return self._rows_offset + row * self.num_envs * OBSERVATION_BYTES

    def wait(self) -> int:
        self._answered = self._hosts.first_to_answer(self._groups.expect_in_flight())
        return self._answered

    def receive(self, group: int) -> TimeStep:
        self._groups.expect_flying(group)
        if group != self._answered:
            self._hosts.receive(group)
        self._answered = None
        self._groups.received(group)
        self._ledger.record(group)
        return self._time_steps[group]

    def levels(self) -> np.ndarray:
        self._groups.expect_open()
        return self._arrays['level_seed'].astype(np.int64)

    def queue_levels(self, orders: Sequence[Mapping[str, Any]]) -> None:
        self._groups.expect_idle()
        checked = check_orders(_WHO, orders, self.num_envs)
        self._hosts.set_levels(checked)
        self._ledger.queue_levels(checked)

    def episodes(self) -> list[Episode]:
        return self._ledger.take()

    def faults(self) -> list[Fault]:
        """None: a fault of the library ends its host."""
        return []

    def get_state(self) -> dict[str, np.ndarray]:
        """Current time step, ledger, `native` uint8 [bytes] and `native_offset` int64 [num_envs + 1]."""
        self._groups.expect_idle()
        by_slot = self._hosts.get_states()
        native = [by_slot[slot] for slot in range(self.num_envs)]
        state = {
            **{name: self._arrays[name].copy() for name in _STATE_FIELDS},
            **self._ledger.get_state(),
            'native': np.frombuffer(b''.join(native), np.uint8).copy(),
            'native_offset': np.cumsum([0, *map(len, native)], dtype=np.int64),
        }
        return seal(state, self._identity)

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self._groups.expect_open()
        fields, _ = fields_of(self.num_envs)
        shapes: dict[str, tuple[str, tuple[int | None, ...]]] = {
            **{name: (fields[name].dtype, fields[name].shape) for name in _STATE_FIELDS},
            **self._ledger.shapes(),
            'native': ('|u1', (None,)),
            'native_offset': ('<i8', (self.num_envs + 1,)),
        }
        checked = unseal(_WHO, state, self._identity, shapes)
        self._answered = None
        for group in self._groups.in_flight():
            self._hosts.receive(group)
            self._groups.received(group)
        offset, native = checked['native_offset'], checked['native'].tobytes()
        self._hosts.set_states([native[a:b] for a, b in itertools.pairwise(offset)])
        # The library renders again but does not restore what it last returned.
        for name in _STATE_FIELDS:
            self._arrays[name][...] = checked[name]
        # A step in flight may have taken levels that no record tells of: every queue is said again.
        before = self._ledger.pending_levels()
        self._ledger.set_state(checked)
        after = self._ledger.pending_levels()
        if before or after:
            self._hosts.set_levels(
                [
                    LevelOrder(slot=slot, levels=after.get(slot, ()), restart=False)
                    for slot in sorted({*before, *after})
                ]
            )

    def close(self) -> None:
        if self._groups.close():
            self._hosts.close()
            self._memory.close()


def check_platform() -> None:
    """Raises ENV_PLATFORM where ProcGen's native library does not exist."""
    if sys.platform != 'linux' or platform.machine() != 'x86_64':
        raise EnvError(
            'ENV_PLATFORM',
            f'procgen: the library exists for linux x86_64 only, got {sys.platform} {platform.machine()}.',
            'Train the toy games here (preset tiny), or use a Linux machine or container.',
        )


def check_library(data: Path) -> None:
    """Raises ENV_LIBRARY_MISSING or ENV_LIBRARY_CHECKSUM unless `data` holds the one build that is used."""
    path = data / 'prebuilt' / 'libenv.so'
    if not path.is_file() or not (data / 'assets' / 'water_backgrounds').is_dir():
        raise EnvError(
            'ENV_LIBRARY_MISSING',
            f'{_WHO}: library must be a folder with prebuilt/libenv.so and assets, got {str(data)!r}.',
            'Run `srwm setup`.',
        )
    with path.open('rb') as file:
        found = hashlib.file_digest(file, 'sha256').hexdigest()
    if found != LIBRARY_SHA256:
        raise EnvError(
            'ENV_LIBRARY_CHECKSUM',
            f'procgen: the SHA-256 of {str(path)!r} must be {LIBRARY_SHA256}, got {found}.',
            'Run `srwm setup`, which replaces a damaged library.',
        )
