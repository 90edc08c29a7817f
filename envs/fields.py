"""Reads the fields of a pool spec and names every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import EnvError

INT32_MAX = 2**31 - 1
MAX_SLOTS = 1 << 16
MAX_GROUPS = 200


class SpecFields:
    """Typed access to a spec; faults collect until `finish` raises one `EnvError` with all of them."""

    def __init__(self, who: str, spec: Mapping[str, Any]) -> None:
        self._who = who
        self._spec = spec
        self._read = {'kind'}
        self._faults: list[tuple[str, str, str]] = []

    def fault(self, code: str, requirement: str, remedy: str) -> None:
        """Adds a fault; the error carries the code of the first."""
        self._faults.append((code, requirement, remedy))

    def _value(self, name: str, kinds: tuple[type, ...], requirement: str) -> Any:
        self._read.add(name)
        if name not in self._spec:
            self.fault('ENV_OPTION', f'{name} must be given', f'Send {name}.')
            return None
        value = self._spec[name]
        # A bool is an int to Python; 1 environment and True environments must not be the same.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.fault('ENV_OPTION', f'{name} must be {requirement}, got {value!r}', f'Mend {name}.')
            return None
        return value

    def has(self, name: str) -> bool:
        """Whether a field that may be left out is there."""
        return self._spec.get(name) is not None

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer in [low, high]; `low` stands in after a fault."""
        requirement = f'an integer in [{low}, {high}]'
        value = self._value(name, (int,), requirement)
        if value is None:
            return low
        if not low <= value <= high:
            self.fault('ENV_OPTION', f'{name} must be {requirement}, got {value}', f'Mend {name}.')
            return low
        return value

    def seconds(self, name: str) -> float:
        """A positive finite number."""
        value = self._value(name, (int, float), 'a number of seconds above 0')
        if value is None:
            return 1.0
        if not 0 < value < 1e9:
            requirement = f'{name} must be a number of seconds above 0, got {value}'
            self.fault('ENV_OPTION', requirement, f'Mend {name}.')
            return 1.0
        return float(value)

    def boolean(self, name: str) -> bool:
        """True or false."""
        return bool(self._value(name, (bool,), 'true or false'))

    def text(self, name: str) -> str:
        """A text without NUL bytes."""
        value = self._value(name, (str,), 'a text')
        if value is not None and '\0' in value:
            self.fault(
                'ENV_OPTION', f'{name} must be a text without NUL bytes, got {value!r}', f'Mend {name}.'
            )
        return value or ''

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of at least one text."""
        value = self._value(name, (list, tuple), 'a list of names')
        if value is None:
            return ()
        if not value or not all(isinstance(item, str) for item in value):
            self.fault('ENV_OPTION', f'{name} must be a list of names, got {value!r}', f'Mend {name}.')
            return ()
        return tuple(value)

    def slots_and_groups(self) -> tuple[int, int]:
        """`num_envs` and `num_groups`, the second a divisor of the first."""
        num_envs = self.integer('num_envs', 1, MAX_SLOTS)
        num_groups = self.integer('num_groups', 1, MAX_GROUPS)
        if not self._faults and num_envs % num_groups:
            self.fault(
                'ENV_OPTION',
                f'num_envs must be a multiple of num_groups ({num_groups}), got {num_envs}',
                'Change one of the two.',
            )
        return num_envs, num_groups

    def finish(self) -> None:
        """Raises what was wrong, unknown fields included."""
        for name in self._spec:
            if name not in self._read:
                self.fault('ENV_OPTION', f'{name} is not a field of this kind of pool', f'Leave {name} out.')
        if not self._faults:
            return
        requirements = '; '.join(requirement for _, requirement, _ in self._faults)
        remedies = dict.fromkeys(remedy for _, _, remedy in self._faults)
        raise EnvError(self._faults[0][0], f'{self._who}: {requirements}.', ' '.join(remedies))
