"""From the frames of a request to the frames of its answer, on whatever thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from srwm.worker.arena import Arena
from srwm.worker.context import Activity, Context
from srwm.worker.errors import WorkerError, failure_of
from srwm.worker.messages_gen import Failure, Kind, RequestHeader
from srwm.worker.wire import Buffer, Codec, WireTensor, decode_preamble, request_prefix, tensors_of

Reply: TypeAlias = tuple[dict[str, Any], list[WireTensor]]
Around: TypeAlias = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the threads of one session share."""

    handlers: Mapping[str, Callable[..., Any]]
    activity: Activity
    epoch: int
    arena: Arena


class Inbox:
    """Reads what comes: of one thread, the one that receives."""

    def __init__(self, place: Place) -> None:
        self._epoch = place.epoch
        self._prefix = request_prefix(place.epoch)
        self._codec = Codec()
        self.is_closed = False
        """The driver said SHUTDOWN."""

    def header_of(self, frames: list[Buffer]) -> RequestHeader | None:
        """The header of a request; None where the message is none. Raises PROTOCOL_HEADER, PROTOCOL_VERSION."""
        # One comparison for the usual case; whatever differs is decoded to say how.
        if frames[0][:12] != self._prefix or len(frames) < 2:
            preamble = decode_preamble(frames[0], len(frames))
            if preamble.epoch != self._epoch:
                # A message of an earlier session that was still in a queue.
                return None
            if preamble.kind is Kind.SHUTDOWN:
                self.is_closed = True
                return None
            raise WorkerError('PROTOCOL_HEADER', f'work: kind must be REQUEST, got {preamble.kind.name}.')
        return self._codec.header(frames[1])


class Answers:
    """Answers requests: one for each thread that does, since encoders have memory of their own."""

    def __init__(self, place: Place, around: Around | None = None) -> None:
        """`around` is entered for every handler."""
        self._place = place
        self._around = around
        self._codec = Codec()

    def answer(self, header: RequestHeader, frames: list[Buffer], started: float) -> list[Buffer]:
        """Frames of what the request came to; `started` by `time.perf_counter`."""
        result: Reply | Failure
        try:
            result = self._handled(header, frames)
        except Exception as error:  # noqa: BLE001 - every failure is a reply.
            result = failure_of(error)
        answer = self._encode(header.id, result, started)
        self._place.activity.end(header.id)
        return answer

    def refusal(self, error: Exception, started: float) -> list[Buffer]:
        """Frames of an ERROR to a message that is no request."""
        return self._encode(0, failure_of(error), started)

    def _handled(self, header: RequestHeader, frames: list[Buffer]) -> Reply:
        """The reply of a handler; nothing of its tensors is held here when it returns."""
        place = self._place
        tensors = tensors_of(header.tensors, frames[2:], place.arena)
        body = self._codec.body(header)
        handler = place.handlers.get(header.verb)
        if handler is None:
            raise WorkerError('PROTOCOL_VERB', f'worker: must have a handler for "{header.verb}", got none.')
        context = Context(place.activity, header.id, header.verb, header.deadline_ms)
        place.activity.begin(context)
        # A request that was given up while it waited is not begun.
        context.check()
        if self._around is None:
            return handler(body, tensors, context)
        with self._around():
            return handler(body, tensors, context)

    def _encode(self, request: int, result: Reply | Failure, started: float) -> list[Buffer]:
        codec, epoch, freed = self._codec, self._place.epoch, self._place.arena.take_freed()
        if not isinstance(result, Failure):
            try:
                body, tensors = result
                return codec.reply(epoch, request, body, tensors, time.perf_counter() - started, freed)
            except Exception as error:  # noqa: BLE001 - a reply that cannot be sent is a failure of its handler.
                result = failure_of(error)
        return codec.error(epoch, request, result, time.perf_counter() - started, freed)
