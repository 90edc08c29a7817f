"""Sums rewards per slot, keeps the records of finished episodes, and follows the queues of levels by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .levels import LevelOrder, LevelQueues
from .pool import Episode

_COLUMNS = 7
_LOG_ENTRIES = 512


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


class _Log:
    """What a group's steps left behind since the last summing up."""

    __slots__ = ('arrays', 'ended', 'entries', 'no_end', 'no_reward', 'reward', 'rows', 'steps')

    def __init__(self, slots: range, arrays: StepArrays) -> None:
        self.rows = slice(slots.start, slots.stop)
        self.arrays = arrays
        self.reward = arrays.reward.data
        self.ended = arrays.is_first.data
        self.no_reward = bytes(self.reward.nbytes)
        self.no_end = bytes(self.ended.nbytes)
        self.steps = 0
        # Steps with a reward or an end, by their number: reward, end, level and completion as bytes.
        self.entries: list[tuple[int, bytes, bytes, np.ndarray | None, np.ndarray | None]] = []


class EpisodeLedger:
    """Running return and length of each slot's episode, and the finished ones nobody has asked for yet.

    A step is only logged as bytes, if anything happened in it, and summed up later: beside busy hosts the caches
    are cold, where each numpy call costs tens of microseconds and takes them from the hosts.
    """

    def __init__(self, games: Sequence[str], groups: Sequence[tuple[range, StepArrays]]) -> None:
        """`groups` has the slots of each group and the arrays that its steps fill."""
        self._games = games
        self._return = np.zeros(len(games), np.float64)
        self._length = np.zeros(len(games), np.int64)
        self._env_step = np.zeros(len(games), np.int64)
        # Rows of (env step, slot, return, length, level, completed, queued); float64 holds each of them exactly.
        self._finished: list[tuple[float, ...]] = []
        self._queues = LevelQueues(len(games))
        self._logs = [_Log(slots, arrays) for slots, arrays in groups]

    def record(self, group: int) -> None:
        """Adds the step that the group's arrays now hold."""
        log = self._logs[group]
        log.steps += 1
        reward, ended = bytes(log.reward), bytes(log.ended)
        if ended != log.no_end:
            arrays = log.arrays
            log.entries.append((log.steps, reward, ended, arrays.level.copy(), arrays.completed.copy()))
        elif reward != log.no_reward:
            log.entries.append((log.steps, reward, ended, None, None))
        else:
            return
        if len(log.entries) >= _LOG_ENTRIES:
            self._sum_up(log)

    def _sum_up(self, log: _Log) -> None:
        """Brings the running sums up to the log's last step and empties it."""
        returns, lengths, env_steps = (
            array[log.rows] for array in (self._return, self._length, self._env_step)
        )
        for step, reward, ended, level, completed in log.entries:
            if reward != log.no_reward:
                returns += np.frombuffer(reward, np.float32)
            if level is None or completed is None:
                continue
            for index in np.flatnonzero(np.frombuffer(ended, np.bool_)).tolist():
                slot = log.rows.start + index
                self._finished.append(
                    (
                        float(env_steps[index] + step),
                        float(slot),
                        float(returns[index]),
                        float(lengths[index] + step),
                        float(level[index]),
                        float(completed[index]),
                        float(self._queues.finish(slot)),
                    )
                )
                returns[index] = 0.0
                lengths[index] = -step
        lengths += log.steps
        env_steps += log.steps
        log.entries.clear()
        log.steps = 0

    def _sum_all_up(self) -> None:
        for log in self._logs:
            self._sum_up(log)

    def queue_levels(self, orders: Sequence[LevelOrder]) -> None:
        """Notes what slots play next; an episode that a restart gives up leaves no record."""
        self._sum_all_up()
        self._queues.replace(orders)
        for order in orders:
            if order.restart:
                self._return[order.slot] = 0.0
                self._length[order.slot] = 0

    def pending_levels(self) -> dict[int, tuple[int, ...]]:
        """The levels that slots have yet to begin, where there are any."""
        self._sum_all_up()
        return self._queues.pending()

    def take(self) -> list[Episode]:
        """The finished episodes since the last call, ordered by step, then slot."""
        self._sum_all_up()
        finished, self._finished = sorted(self._finished), []
        return [
            Episode(
                slot=int(slot),
                game=self._games[int(slot)],
                episode_return=episode_return,
                episode_length=int(length),
                level=int(level),
                completed=bool(completed),
                queued=bool(queued),
            )
            for _, slot, episode_return, length, level, completed, queued in finished
        ]

    def abandon(self, slot: int, *, ended: bool) -> None:
        """Forgets a slot's running episode, or with `ended` the one that its last recorded step ended.

        If its level was queued the slot begins it again, so that the queue behind it stays as it was.
        """
        self._sum_all_up()
        if ended:
            last = max(i for i, row in enumerate(self._finished) if row[1] == slot)
            was_queued = bool(self._finished[last][-1])
            del self._finished[last]
            if was_queued:
                self._queues.take_back(slot)
        else:
            self._queues.forget(slot)
        self._return[slot] = self._length[slot] = 0

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of all of it, by slot, so that it can be restored with other groups."""
        self._sum_all_up()
        return {
            'episode_return': self._return.copy(),
            'episode_length': self._length.copy(),
            'episode_env_step': self._env_step.copy(),
            'episode_finished': np.array(sorted(self._finished), np.float64).reshape(-1, _COLUMNS),
            **self._queues.get_state(),
        }

    def shapes(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Dtype and shape of each array of a state; None is any size."""
        slots = len(self._games)
        return {
            'episode_return': ('<f8', (slots,)),
            'episode_length': ('<i8', (slots,)),
            'episode_env_step': ('<i8', (slots,)),
            'episode_finished': ('<f8', (None, _COLUMNS)),
            **self._queues.shapes(),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` returned."""
        for log in self._logs:
            log.entries.clear()
            log.steps = 0
        self._return[:] = state['episode_return']
        self._length[:] = state['episode_length']
        self._env_step[:] = state['episode_env_step']
        self._finished = [tuple(map(float, row)) for row in state['episode_finished']]
        self._queues.set_state(state)
