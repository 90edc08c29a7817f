"""The memory that a Gymnasium pool shares with its hosts: every slot's values, and what each host is doing."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile

import numpy as np

from ..layout import FieldSpec, lay_out, map_fields

IDLE, MAKING, RESETTING, STEPPING, REPLAYING = range(5)
"""What a host is doing with the slot that it is busy with."""
CONTROL_FIELDS: tuple[FieldSpec, ...] = (
    # Grows with everything that an environment is asked: a host whose number stands still is stuck.
    ('progress', '<i8', ()),
    ('slot', '<i8', ()),
    ('phase', '<i8', ()),
)


def slot_fields(observation_shape: tuple[int, ...], observation_dtype: str) -> tuple[FieldSpec, ...]:
    """What there is of each slot."""
    return (
        ('observation', observation_dtype, observation_shape),
        # What the last truncated episode showed at its end.
        ('final_observation', observation_dtype, observation_shape),
        ('reward', '<f4', ()),
        ('is_first', '?', ()),
        ('is_truncated', '?', ()),
        ('completed', '?', ()),
        ('action', '<i4', ()),
        # The number of the slot's current episode, its level, which is -1 without levels, and whether that was queued.
        ('episode', '<i8', ()),
        ('level', '<i8', ()),
        ('queued', '?', ()),
        # The level of the next one; -1 leaves it to the spec.
        ('next_level', '<i8', ()),
        # Steps that were done since the pool opened.
        ('steps', '<i8', ()),
    )


def unnamed_file(name: str) -> int:
    """A file that vanishes with its last user; in memory where the system can."""
    if sys.platform == 'linux':
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def map_file(file: int, specs: tuple[FieldSpec, ...], count: int) -> dict[str, np.ndarray]:
    """Arrays [count, ...] over a file, which is made large enough."""
    fields, size = lay_out(specs, count)
    if os.fstat(file).st_size < size:
        os.ftruncate(file, size)
    return map_fields(mmap.mmap(file, size), fields)
