"""Where each slot's values lie in the memory that a pool shares with its hosts."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np

from .catalog import OBSERVATION_SHAPE

ALIGNMENT = 4096
_FIELDS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
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


@dataclass(frozen=True, kw_only=True)
class Field:
    """An array [num_envs, ...] at an offset; slots lie `stride` bytes apart."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    stride: int


def fields_of(num_envs: int) -> tuple[dict[str, Field], int]:
    """The fields by name, and the size of the whole in bytes."""
    fields: dict[str, Field] = {}
    offset = 0
    for name, dtype, shape in _FIELDS:
        stride = int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))
        fields[name] = Field(dtype=dtype, shape=(num_envs, *shape), offset=offset, stride=stride)
        offset += -(-stride * num_envs // ALIGNMENT) * ALIGNMENT
    return fields, offset


def map_arrays(memory: mmap.mmap, num_envs: int) -> dict[str, np.ndarray]:
    """Numpy views of every field."""
    fields, _ = fields_of(num_envs)
    return {
        name: np.ndarray(field.shape, field.dtype, buffer=memory, offset=field.offset)
        for name, field in fields.items()
    }
