"""What a handler says about its work, and what it must ask about: both sides of one request."""

from __future__ import annotations

import time

from srwm.worker.errors import Cancelled
from srwm.worker.messages_gen import Pong


class Activity:
    """What the process is doing; written by the threads that answer, read by the control thread, without a lock.

    Each change is one step of the interpreter, so that a reader sees an old or a new value and never half of one. Of
    two lanes that count at once one may be lost: whoever reads the counter only asks whether it moved.
    """

    __slots__ = ('_cancelled', '_last_request', '_running', 'idle', 'progress', 'stopping')

    def __init__(self) -> None:
        self.idle = 'starting'
        """The phase while no request is answered."""
        self.progress = 0
        self.stopping = False
        self._running: dict[int, Context] = {}
        self._last_request = 0
        self._cancelled: set[int] = set()

    def begin(self, context: Context) -> None:
        """A request starts."""
        self._running[context.request] = context

    def end(self, request: int) -> None:
        """A request is done, well or not."""
        self._running.pop(request, None)
        self._last_request = max(self._last_request, request)
        self.progress += 1
        if self._cancelled:
            self._cancelled.discard(request)

    def cancel(self, request: int) -> None:
        """Nobody waits for this request any more. Those of a lane come in the order of their ids."""
        if request > self._last_request or self._running:
            self._cancelled.add(request)

    def is_cancelled(self, request: int) -> bool:
        """True when the driver gave the request up or wants the worker to stop."""
        return self.stopping or request in self._cancelled

    def pong(self, sequence: int) -> Pong:
        """What a ping is answered with: of two requests, the one that runs longer."""
        running = list(self._running.values())
        oldest = running[0] if running else None
        return Pong(
            sequence=sequence,
            request=None if oldest is None else oldest.request,
            phase=self.idle if oldest is None else oldest.current_phase,
            progress=self.progress,
            busy_seconds=0.0 if oldest is None else time.monotonic() - oldest.started,
        )


class Context:
    """One request as its handler sees it."""

    __slots__ = ('_activity', '_deadline', '_verb', 'current_phase', 'request', 'started')

    def __init__(self, activity: Activity, request: int, verb: str, deadline_ms: float | None) -> None:
        self.request = request
        self.started = time.monotonic()
        self.current_phase = 'running'
        self._activity = activity
        self._verb = verb
        self._deadline = None if deadline_ms is None else self.started + deadline_ms / 1000

    def phase(self, name: str) -> None:
        """Names the part of the work that begins; shown while the driver waits."""
        self.current_phase = name

    def progress(self) -> None:
        """Work moved on: call it at least once in each second of work, or the request may count as hung."""
        self._activity.progress += 1

    def check(self) -> None:
        """Raises Cancelled when nobody waits for the result; call it between env steps or chunks."""
        if self._activity.is_cancelled(self.request):
            raise Cancelled(
                'REQUEST_CANCELLED', f'{self._verb}: the driver cancelled request {self.request}.'
            )
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Cancelled(
                'DEADLINE_EXCEEDED', f'{self._verb}: request {self.request} must end before its deadline.'
            )
