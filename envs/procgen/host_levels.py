"""A host's side of level queues: at an episode's end a slot is set to the state of a fresh slot of its next level.

The level's number alone does not fix an episode in a slot that was used before: dodgeball keeps its last move,
miner its count of diamonds. So each level begins in the state of a native instance made for it, which takes 0.1 to
0.6 ms.
"""

from __future__ import annotations

import ctypes as C
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .layout import fields_of
from .native import NativeInstance, NativeLibrary

# Behind the game's name in a native state: twelve options and a step count, then what draws levels, which is the range
# [low, high), two integers of the game's kind, and a generator: a flag, the length of a text, the text.
_BEFORE_DRAWING = 13 * 4
_BEFORE_TEXT_LENGTH = 5 * 4


@dataclass(frozen=True, kw_only=True)
class QueuedSlot:
    """A slot as a host holds it."""

    instance: NativeInstance
    index: int
    """Of the slot in its instance."""
    game: str
    options: Mapping[str, int | bool]


class FreshStates:
    """Makes native states of levels nobody has played in yet."""

    def __init__(self, library: NativeLibrary) -> None:
        self._library = library
        fields, size = fields_of(1)
        # The library writes a slot's values somewhere; nobody reads these.
        self._row = C.create_string_buffer(size)
        self._addresses = {name: [C.addressof(self._row) + field.offset] for name, field in fields.items()}

    def of_level(self, slot: QueuedSlot, level: int) -> bytes:
        """The state of a new instance whose only level is `level`; the slot's own draws go on where they were."""
        options = {**slot.options, 'num_levels': 1, 'start_level': level}
        alone = NativeInstance(self._library, [slot.game], options, 0, self._addresses)
        fresh, used = alone.get_state(0), slot.instance.get_state(slot.index)
        alone.close()
        (start, end), (used_start, used_end) = _drawing(fresh), _drawing(used)
        return fresh[:start] + used[used_start:used_end] + fresh[end:]


def _drawing(state: bytes) -> tuple[int, int]:
    """Where in a native state that part lies which draws the next level."""
    (name,) = struct.unpack_from('<i', state, 4)
    start = 8 + name + _BEFORE_DRAWING
    (text,) = struct.unpack_from('<i', state, start + _BEFORE_TEXT_LENGTH)
    return start, start + _BEFORE_TEXT_LENGTH + 4 + text


class HostQueues:
    """The queues of a host's slots, by number of slot."""

    def __init__(self, library: NativeLibrary, slots: Mapping[int, QueuedSlot]) -> None:
        self._slots = slots
        self._fresh = FreshStates(library)
        self._pending: dict[int, list[int]] = {}

    def replace(self, levels: Mapping[int, Sequence[int]]) -> None:
        """Takes over the queues of the named slots; an empty one is forgotten."""
        for slot, queue in levels.items():
            if queue:
                self._pending[slot] = list(queue)
            else:
                self._pending.pop(slot, None)

    def waiting(self) -> Iterable[int]:
        """Slots whose queue is not empty."""
        return self._pending.keys()

    def begin_next(self, slot: int) -> None:
        """Sets the slot to its next level: the library writes its first observation and `is_first`."""
        queue = self._pending[slot]
        level = queue.pop(0)
        if not queue:
            del self._pending[slot]
        held = self._slots[slot]
        held.instance.set_state(held.index, self._fresh.of_level(held, level))
