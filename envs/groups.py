"""Groups of slots and the order in which they may be sent and received."""

from __future__ import annotations

from .errors import EnvError


class Groups:
    """`num_groups` groups of equal size over contiguous slots, each awaiting actions or in flight."""

    def __init__(self, who: str, num_envs: int, num_groups: int) -> None:
        self._who = who
        self._size = num_envs // num_groups
        self._in_flight = [False] * num_groups
        self._closed = False

    def slots(self, group: int) -> range:
        """The slots of a group; raises ENV_OPTION for any other number."""
        if not 0 <= group < len(self._in_flight):
            raise EnvError(
                'ENV_OPTION',
                f'{self._who}: group must be in [0, {len(self._in_flight)}), got {group}.',
                'Use a group of the pool.',
            )
        return range(group * self._size, (group + 1) * self._size)

    def expect_open(self) -> None:
        """Raises ENV_ORDER after `close`."""
        if self._closed:
            raise EnvError(
                'ENV_ORDER', f'{self._who}: the pool must be open, but it was closed.', 'Open a new one.'
            )

    def expect(self, group: int, *, in_flight: bool) -> range:
        """The group's slots; raises ENV_ORDER where it is not in flight, or is, against expectation."""
        slots = self.slots(group)
        self.expect_open()
        if self._in_flight[group] != in_flight:
            state = 'is being stepped' if self._in_flight[group] else 'awaits actions'
            raise EnvError(
                'ENV_ORDER',
                f'{self._who}: send and receive must alternate, but group {group} {state}.',
                'Receive what was sent before the next call.',
            )
        return slots

    def expect_idle(self) -> None:
        """Raises ENV_ORDER while any group is in flight."""
        for group in range(len(self._in_flight)):
            self.expect(group, in_flight=False)

    def in_flight(self) -> list[int]:
        """The groups that were sent and not received."""
        return [group for group, sent in enumerate(self._in_flight) if sent]

    def expect_in_flight(self) -> list[int]:
        """The groups in flight; raises ENV_ORDER where there is none."""
        self.expect_open()
        groups = self.in_flight()
        if not groups:
            raise EnvError(
                'ENV_ORDER',
                f'{self._who}: wait needs a group that is being stepped, but all await actions.',
                'Send actions first.',
            )
        return groups

    def mark(self, group: int, *, in_flight: bool) -> None:
        """Notes that a group was sent or received."""
        self._in_flight[group] = in_flight

    def close(self) -> bool:
        """Closes; True the first time."""
        was_open, self._closed = not self._closed, True
        return was_open
