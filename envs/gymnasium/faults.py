"""Counts what environments did wrong, and says when it was too often."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import EnvError
from ..pool import Fault

WHO = 'gymnasium pool'
_MENDS = {
    'ENV_IMPORT': 'Correct the name of the environment or its kwargs.',
    'ENV_SPACE': 'Wrap the environment so that its observations are Box or Discrete, and its actions Discrete.',
}
_MEND = 'Mend the environment; it was restarted each time, in vain.'


class Faults:
    """By slot: faults since the run began, and since its last episode that ended by itself."""

    def __init__(self, env: str, num_envs: int, most_in_a_row: int) -> None:
        self._env = env
        self._most_in_a_row = most_in_a_row
        self._counts = np.zeros(num_envs, np.int64)
        self._in_a_row = np.zeros(num_envs, np.int64)
        self._news: list[Fault] = []

    def error(self, code: str, said: str) -> EnvError:
        """A fault that ends the pool."""
        return EnvError(code, f'{WHO}: {self._env}: {said}.', _MENDS.get(code, _MEND))

    def add(self, slot: int, episode: int, code: str, said: str) -> None:
        """Counts a fault; raises `EnvError` with its code where there were too many in a row."""
        self._counts[slot] += 1
        self._in_a_row[slot] += 1
        count, in_a_row = int(self._counts[slot]), int(self._in_a_row[slot])
        where = f'slot {slot}, episode {episode}: {said}'
        if in_a_row >= self._most_in_a_row:
            times = f' ({in_a_row} faults in a row)' if in_a_row > 1 else ''
            raise self.error(code, where + times)
        message = f'{WHO}: {self._env}: {where}. It goes on with a new episode; fault {count} of this slot.'
        self._news.append(Fault(slot=slot, code=code, message=message, count=count))

    def ended(self, slot: int) -> None:
        """An episode ended by itself."""
        self._in_a_row[slot] = 0

    def take(self) -> list[Fault]:
        """The faults since the last call."""
        news, self._news = self._news, []
        return news

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of both counts."""
        return {'fault_count': self._counts.copy(), 'faults_in_a_row': self._in_a_row.copy()}

    def shapes(self) -> dict[str, tuple[str, tuple[int | None, ...]]]:
        """Dtype and shape of each array of a state."""
        return {name: (array.dtype.str, array.shape) for name, array in self.get_state().items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` returned."""
        self._counts[:] = state['fault_count']
        self._in_a_row[:] = state['faults_in_a_row']
