"""Groups of slots and the order in which they may be sent and received."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from .errors import EnvError


class Groups:
    """`num_groups` groups of equal size over contiguous slots, each awaiting actions or in flight.

    Every step of every group asks it twice, beside hosts that want the core: it finds a group in one of two
    dictionaries, and looks for the fault only where it does not.
    """

    def __init__(self, who: str, num_envs: int, num_groups: int) -> None:
        self._who = who
        size = num_envs // num_groups
        self._slots = [range(group * size, (group + 1) * size) for group in range(num_groups)]
        self._awaiting = dict(enumerate(self._slots))
        self._flying: dict[int, range] = {}
        self._closed = False

    def slots(self, group: int) -> range:
        """The slots of a group; raises ENV_OPTION for any other number."""
        if not 0 <= group < len(self._slots):
            raise EnvError(
                'ENV_OPTION',
                f'{self._who}: group must be in [0, {len(self._slots)}), got {group}.',
                'Use a group of the pool.',
            )
        return self._slots[group]

    def expect_open(self) -> None:
        """Raises ENV_ORDER after `close`."""
        if self._closed:
            raise EnvError(
                'ENV_ORDER', f'{self._who}: the pool must be open, but it was closed.', 'Open a new one.'
            )

    def expect_awaiting(self, group: int) -> range:
        """The group's slots; raises ENV_ORDER where it is in flight."""
        return self._awaiting.get(group) or self._refuse(group, 'is being stepped')

    def expect_flying(self, group: int) -> range:
        """The group's slots; raises ENV_ORDER where it is not in flight."""
        return self._flying.get(group) or self._refuse(group, 'awaits actions')

    def _refuse(self, group: int, state: str) -> NoReturn:
        self.slots(group)
        self.expect_open()
        raise EnvError(
            'ENV_ORDER',
            f'{self._who}: send and receive must alternate, but group {group} {state}.',
            'Receive what was sent before the next call.',
        )

    def expect_idle(self) -> None:
        """Raises ENV_ORDER while any group is in flight."""
        for group in range(len(self._slots)):
            self.expect_awaiting(group)

    def in_flight(self) -> list[int]:
        """The groups that were sent and not received, oldest first."""
        return list(self._flying)

    def expect_in_flight(self) -> Collection[int]:
        """The groups in flight, oldest first, until the next change; raises ENV_ORDER where there is none."""
        if not self._flying:
            self.expect_open()
            raise EnvError(
                'ENV_ORDER',
                f'{self._who}: wait needs a group that is being stepped, but all await actions.',
                'Send actions first.',
            )
        return self._flying

    def sent(self, group: int) -> None:
        """Notes that a group is in flight now."""
        self._flying[group] = self._awaiting.pop(group)

    def received(self, group: int) -> None:
        """Notes that a group awaits actions again."""
        self._awaiting[group] = self._flying.pop(group)

    def close(self) -> bool:
        """Closes; True the first time."""
        was_open, self._closed = not self._closed, True
        self._awaiting.clear()
        self._flying.clear()
        return was_open
