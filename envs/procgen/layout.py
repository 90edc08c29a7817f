"""Where each slot's values lie in the memory that a pool shares with its hosts."""

from __future__ import annotations

import mmap

import numpy as np

from ..layout import ALIGNMENT, Field, FieldSpec, lay_out, map_fields
from .catalog import OBSERVATION_SHAPE

__all__ = ['ALIGNMENT', 'fields_of', 'map_arrays']

_FIELDS: tuple[FieldSpec, ...] = (
    ('observation', 'u1', OBSERVATION_SHAPE),
    ('reward', '<f4', ()),
    ('is_first', '?', ()),
    ('level_seed', '<i4', ()),
    ('prev_level_seed', '<i4', ()),
    ('prev_level_complete', 'u1', ()),
    ('action', '<i4', ()),
    # At a group's first slot: the row that the group's observations are copied to, as its offset in the file, or -1.
    ('row', '<i8', ()),
)


def fields_of(num_envs: int) -> tuple[dict[str, Field], int]:
    """The fields by name, and the size of the whole in bytes."""
    return lay_out(_FIELDS, num_envs)


def map_arrays(memory: mmap.mmap, num_envs: int) -> dict[str, np.ndarray]:
    """Numpy views of every field."""
    return map_fields(memory, fields_of(num_envs)[0])
