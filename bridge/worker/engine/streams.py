"""Order between two lanes on a GPU, where a call has only queued its work: each lane has a stream of its own.

What the learn lane hands to the act lane (constants of a graph, parameters, tensors that were put, made or restored)
is there when the event behind it is reached, for which the act lane's stream waits; later work of the learn lane is not
waited for. The other way round a request of the act lane ends only when its stream has: what it stored may be read by
any stream. And since a driver asks for the next unroll in a place only when it has heard of every update that reads the
last one, no memory is taken from a stream that still reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch

from srwm.worker.engine.store import Store

P = ParamSpec('P')
R = TypeVar('R')


class Streams:
    """On a CPU there is nothing to do: a call has done its work when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._act: torch.cuda.Stream | None = None
        self._published: torch.Event | None = None

    def publishes(self, request: Callable[P, R]) -> Callable[P, R]:
        """`request`, after which the act lane may read what it wrote."""

        def published(*args: P.args, **kwargs: P.kwargs) -> R:
            result = request(*args, **kwargs)
            device = self._store.device
            if device.type == 'cuda' and torch.cuda.current_stream(device) != self._act:
                self._published = torch.cuda.current_stream(device).record_event()
            return result

        return published

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Around a request of the act lane."""
        device = self._store.device
        if device.type != 'cuda':
            yield
            return
        if self._act is None:
            self._act = torch.cuda.Stream(device)
        with torch.cuda.stream(self._act):
            if self._published is not None:
                self._act.wait_event(self._published)
            yield
            self._act.synchronize()
