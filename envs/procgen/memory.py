"""The memory that a pool shares with its hosts: the slots' own values, and rows that whole unrolls are written to."""

from __future__ import annotations

import mmap
import os
import weakref

import numpy as np

from .catalog import OBSERVATION_SHAPE
from .layout import ALIGNMENT, fields_of, map_arrays

OBSERVATION_BYTES = int(np.prod(OBSERVATION_SHAPE))


class PoolMemory:
    """One unnamed file: nothing to unlink, and no limit of /dev/shm. It grows by rows and never shrinks."""

    def __init__(self, num_envs: int) -> None:
        self._num_envs = num_envs
        _, self._size = fields_of(num_envs)
        self.file = os.memfd_create('procgen-pool')
        os.ftruncate(self.file, self._size)
        self.arrays = map_arrays(mmap.mmap(self.file, self._size), num_envs)
        # Memory of rows that nobody holds any more, by its length: its pages are there already.
        self._free: dict[int, list[tuple[mmap.mmap, int]]] = {}

    def rows(self, count: int) -> tuple[np.ndarray, int]:
        """`count` rows [count, num_envs, ...] and their offset in the file; free again when the array is collected."""
        used = count * self._num_envs * OBSERVATION_BYTES
        size = -(-used // ALIGNMENT) * ALIGNMENT
        free = self._free.setdefault(size, [])
        memory, offset = free.pop() if free else self._grow(size)
        array = np.frombuffer(memory, np.uint8, used).reshape(count, self._num_envs, *OBSERVATION_SHAPE)
        weakref.finalize(array, free.append, (memory, offset)).atexit = False
        return array, offset

    def _grow(self, size: int) -> tuple[mmap.mmap, int]:
        offset, self._size = self._size, self._size + size
        os.ftruncate(self.file, self._size)
        return mmap.mmap(self.file, size, offset=offset), offset

    def close(self) -> None:
        """Closes the file; arrays that are still held stay valid."""
        os.close(self.file)
