"""What a handler says about its work, and what it must ask about: both sides of one request."""

from __future__ import annotations

import time

from srwm.worker.errors import Cancelled
from srwm.worker.messages_gen import Pong


class Activity:
    """What the process is doing; written by the main thread, read by the control thread, without a lock.

    Each attribute is replaced as a whole, so that a reader sees an old or a new value and never half of one.
    """

    __slots__ = ('_cancelled', 'last_request', 'phase', 'progress', 'request', 'started', 'stopping')

    def __init__(self) -> None:
        self.phase = 'starting'
        self.progress = 0
        self.request: int | None = None
        self.started = time.monotonic()
        self.last_request = 0
        self.stopping = False
        self._cancelled: frozenset[int] = frozenset()

    def begin(self, request: int) -> None:
        """A request starts."""
        self.started = time.monotonic()
        self.phase = 'running'
        self.request = request

    def end(self, request: int) -> None:
        """A request is done, well or not."""
        self.request = None
        self.phase = 'idle'
        self.last_request = request
        self.progress += 1
        if self._cancelled:
            self._cancelled = frozenset(other for other in self._cancelled if other > request)

    def cancel(self, request: int) -> None:
        """Nobody waits for this request any more; requests come in the order of their ids."""
        if request > self.last_request:
            self._cancelled |= {request}

    def is_cancelled(self, request: int) -> bool:
        """True when the driver gave the request up or wants the worker to stop."""
        return self.stopping or request in self._cancelled

    def pong(self, sequence: int) -> Pong:
        """What a ping is answered with."""
        return Pong(
            sequence=sequence,
            request=self.request,
            phase=self.phase,
            progress=self.progress,
            busy_seconds=0.0 if self.request is None else time.monotonic() - self.started,
        )


class Context:
    """One request as its handler sees it."""

    __slots__ = ('_activity', '_deadline', '_request', '_verb')

    def __init__(self, activity: Activity, request: int, verb: str, deadline_ms: float | None) -> None:
        self._activity = activity
        self._request = request
        self._verb = verb
        self._deadline = None if deadline_ms is None else time.monotonic() + deadline_ms / 1000

    def phase(self, name: str) -> None:
        """Names the part of the work that begins; shown while the driver waits."""
        self._activity.phase = name

    def progress(self) -> None:
        """Work moved on: call it at least once in each second of work, or the request may count as hung."""
        self._activity.progress += 1

    def check(self) -> None:
        """Raises Cancelled when nobody waits for the result; call it between env steps or chunks."""
        if self._activity.is_cancelled(self._request):
            raise Cancelled(
                'REQUEST_CANCELLED', f'{self._verb}: the driver cancelled request {self._request}.'
            )
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Cancelled(
                'DEADLINE_EXCEEDED', f'{self._verb}: request {self._request} must end before its deadline.'
            )
