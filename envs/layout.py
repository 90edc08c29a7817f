"""Where each slot's values lie in memory that a pool shares with its hosts."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ALIGNMENT = 4096
FieldSpec = tuple[str, str, tuple[int, ...]]
"""Name, dtype, and shape of one slot's value."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """An array [num_envs, ...] at an offset; slots lie `stride` bytes apart."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    stride: int


def lay_out(specs: Sequence[FieldSpec], num_envs: int) -> tuple[dict[str, Field], int]:
    """The fields by name, each on pages of its own, and the size of the whole in bytes."""
    fields: dict[str, Field] = {}
    offset = 0
    for name, dtype, shape in specs:
        stride = int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))
        fields[name] = Field(dtype=dtype, shape=(num_envs, *shape), offset=offset, stride=stride)
        offset += -(-stride * num_envs // ALIGNMENT) * ALIGNMENT
    return fields, offset


def map_fields(memory: mmap.mmap, fields: Mapping[str, Field]) -> dict[str, np.ndarray]:
    """Numpy views of every field."""
    return {
        name: np.ndarray(field.shape, field.dtype, buffer=memory, offset=field.offset)
        for name, field in fields.items()
    }
