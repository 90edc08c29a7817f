"""Memory that the driver writes large tensors into: a tensor here is what was written, without a socket or a copy."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
import weakref
from collections import deque

from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import ArenaPlace

HEAD = 4096
"""Bytes before the first place: they hold the token."""
ALIGNMENT = 16
"""Of a place: that of every element, and what malloc gives."""


class Arena:
    """Places are the driver's to choose; this side says when the last tensor of one is gone.

    The memory has no name in any file system, so that nothing is left of it however the two processes end.
    """

    def __init__(self, token: str, size: int) -> None:
        """`size` 0, or a system without such memory, makes an arena that holds nothing."""
        self._memory: mmap.mmap | None = None
        self._fd = -1
        self._used: dict[int, weakref.ref[ctypes.Array[ctypes.c_ubyte]]] = {}
        # Tensors end in any thread; a deque takes them without a lock.
        self._freed: deque[int] = deque()
        if size == 0 or not hasattr(os, 'memfd_create'):
            return
        try:
            self._fd = os.memfd_create('srwm')
            # Pages exist from the first write to them.
            os.ftruncate(self._fd, size)
            self._memory = mmap.mmap(self._fd, size)
        except OSError as error:
            print(
                f'worker: no memory is shared with the driver, which costs time only: {error}',
                file=sys.stderr,
            )
            return
        # The driver opens it by the number of this process, which another process may have where it runs.
        self._memory[: len(token)] = token.encode()

    def place(self) -> ArenaPlace | None:
        """Where the driver finds it."""
        return None if self._memory is None else ArenaPlace(fd=self._fd, size=len(self._memory))

    def view(self, offset: int, size: int) -> memoryview:
        """The bytes at a place, the caller's alone until the last object that reads them is gone.

        Raises PROTOCOL_TENSOR for a place outside, or one whose tensor still lives.
        """
        memory = self._memory
        if memory is None or offset % ALIGNMENT or offset < HEAD or offset + size > len(memory):
            have = 0 if memory is None else len(memory)
            raise WorkerError(
                'PROTOCOL_TENSOR',
                f'request: a tensor must lie in an arena of {have} bytes, got {size} bytes at {offset}.',
            )
        if offset in self._used:
            raise WorkerError('PROTOCOL_TENSOR', f'request: place {offset} must be free, got one in use.')
        # Every view, array and tensor made of it holds this object, which a slice of a memoryview does not.
        place = (ctypes.c_ubyte * size).from_buffer(memory, offset)

        def free(_: object) -> None:
            del self._used[offset]
            self._freed.append(offset)

        self._used[offset] = weakref.ref(place, free)
        return memoryview(place)

    def take_freed(self) -> list[int]:
        """Places whose tensors ended since the last call."""
        freed: list[int] = []
        # Asked for one by one: two lanes may be here at once.
        with contextlib.suppress(IndexError):
            while self._freed:
                freed.append(self._freed.popleft())
        return freed
