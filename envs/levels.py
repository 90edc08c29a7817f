"""Queues of levels that slots play next, and a plain check of what a request for them says."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import EnvError
from .fields import INT32_MAX

LAST_LEVEL = INT32_MAX - 1


@dataclass(frozen=True, kw_only=True)
class LevelOrder:
    """What one slot plays next."""

    slot: int
    levels: tuple[int, ...]
    """Takes the place of every level that was queued and not begun."""
    restart: bool
    """The running episode is given up without a record, and the first of `levels` begins at once."""


def check_orders(who: str, orders: Sequence[Mapping[str, Any]], num_envs: int) -> list[LevelOrder]:
    """The checked form of `orders`; raises `EnvError` ENV_OPTION naming the first fault, before anything changes."""
    checked: dict[int, LevelOrder] = {}
    for order in orders:
        slot, levels, restart = order['slot'], tuple(order['levels']), bool(order['restart'])
        fault = None
        if not 0 <= slot < num_envs:
            fault = f'slot must be in [0, {num_envs}), got {slot}'
        elif slot in checked:
            fault = f'each slot may be named once, got {slot} again'
        elif any(not 0 <= level <= LAST_LEVEL for level in levels):
            wrong = next(level for level in levels if not 0 <= level <= LAST_LEVEL)
            fault = f'levels must be in [0, {LAST_LEVEL}], got {wrong} for slot {slot}'
        elif restart and not levels:
            fault = f'a restart needs a level to begin with, got none for slot {slot}'
        if fault is not None:
            raise EnvError(
                'ENV_OPTION', f'{who}: queue_levels: {fault}.', 'Mend the queue; none was changed.'
            )
        checked[slot] = LevelOrder(slot=slot, levels=levels, restart=restart)
    return list(checked.values())


class LevelQueues:
    """The levels that each slot has yet to begin, and whether the one it is in was queued.

    Whoever steps the environments takes from a queue of its own at each end of an episode; this one follows from the
    ends that were recorded, so that no step has to tell.
    """

    def __init__(self, num_envs: int) -> None:
        self._pending: list[list[int]] = [[] for _ in range(num_envs)]
        self._running = np.zeros(num_envs, np.bool_)
        # What was pending when the last queued level of a slot ended.
        self._before: list[tuple[int, ...]] = [()] * num_envs

    def replace(self, orders: Sequence[LevelOrder]) -> None:
        """Takes over checked orders; every episode that has ended must have been told to `finish`."""
        for order in orders:
            self._pending[order.slot] = list(order.levels)
            if order.restart:
                self._pending[order.slot].pop(0)
                self._running[order.slot] = True

    def finish(self, slot: int) -> bool:
        """Moves a slot on to its next episode; True if the one that ended was queued."""
        queued = bool(self._running[slot])
        pending = self._pending[slot]
        if queued:
            self._before[slot] = tuple(pending)
        self._running[slot] = bool(pending)
        if pending:
            pending.pop(0)
        return queued

    def take_back(self, slot: int) -> None:
        """Undoes the last `finish` of a slot whose level was queued: it is played again."""
        self._pending[slot] = list(self._before[slot])
        self._running[slot] = True

    def forget(self, slot: int) -> None:
        """The running episode is given up: a queued level is begun again, any other makes way for the next."""
        if not self._running[slot]:
            self.finish(slot)

    def pending(self) -> dict[int, tuple[int, ...]]:
        """The queues that are not empty, by slot."""
        return {slot: tuple(levels) for slot, levels in enumerate(self._pending) if levels}

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of all of it, by slot."""
        sizes = [len(levels) for levels in self._pending]
        flat = [level for levels in self._pending for level in levels]
        return {
            'queue_level': np.array(flat, np.int64),
            'queue_offset': np.cumsum([0, *sizes], dtype=np.int64),
            'queue_running': self._running.copy(),
        }

    def shapes(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Dtype and shape of each array of a state; None is any size."""
        slots = len(self._pending)
        return {
            'queue_level': ('<i8', (None,)),
            'queue_offset': ('<i8', (slots + 1,)),
            'queue_running': ('|b1', (slots,)),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` returned."""
        levels, offset = state['queue_level'].tolist(), state['queue_offset'].tolist()
        self._pending = [levels[a:b] for a, b in itertools.pairwise(offset)]
        self._running[:] = state['queue_running']
