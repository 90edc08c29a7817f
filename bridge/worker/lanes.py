"""The work channel with two lanes: a thread answers those of `act`, the main thread all others, and a third one has the
socket, which belongs to one thread at a time. That one reads requests into the queue of their lane and sends what the
lanes hand it; it sleeps until a message comes or a lane rings."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from queue import SimpleQueue
from typing import Final, TypeAlias

import zmq

from srwm.worker.answers import Answers, Around, Inbox, Place
from srwm.worker.control import leave
from srwm.worker.messages_gen import RequestHeader
from srwm.worker.sockets import receive, send
from srwm.worker.wire import Buffer

Waiting: TypeAlias = 'SimpleQueue[tuple[RequestHeader, list[Buffer]] | None]'
"""Requests of a lane in their order; None ends it."""

BELL: Final = 'inproc://answers'


class Lanes:
    """Serves from the first request of the act lane until the driver says SHUTDOWN."""

    def __init__(self, socket: zmq.Socket, place: Place, around_act: Around | None) -> None:
        """The socket is this object's own from now on; `around_act` is entered for every request of that lane."""
        self._socket = socket
        self._place = place
        self._around_act = around_act
        self._context = zmq.Context()
        self._bell = self._context.socket(zmq.PULL)
        self._bell.bind(BELL)
        self._learn: Waiting = SimpleQueue()
        self._act: Waiting = SimpleQueue()
        # One entry for each ring; None where a lane has ended.
        self._answered: deque[list[Buffer] | None] = deque()

    def serve(self, header: RequestHeader, frames: list[Buffer]) -> None:
        """Answers that request and those behind it."""
        self._act.put((header, frames))
        threads = [
            threading.Thread(target=self._serve_act, name='act', daemon=True),
            threading.Thread(target=self._carry, name='socket', daemon=True),
        ]
        for thread in threads:
            thread.start()
        self._answer_all(self._learn, None)
        for thread in threads:
            thread.join()
        self._bell.close()
        self._context.term()

    def _serve_act(self) -> None:
        try:
            self._answer_all(self._act, self._around_act)
        except BaseException as error:  # noqa: BLE001 - without its lane the driver would wait for ever.
            traceback.print_exc(file=sys.stderr)
            status = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
            leave(f'worker: the act lane must go on, got {error!r}', status)

    def _answer_all(self, waiting: Waiting, around: Around | None) -> None:
        ring = self._context.socket(zmq.PUSH)
        ring.connect(BELL)
        answers = Answers(self._place, around)
        while (request := waiting.get()) is not None:
            # The time in the queue is none that the worker spent on it.
            started = time.perf_counter()
            answer = answers.answer(*request, started)
            # Its tensors must not live until the next request comes.
            del request
            self._answered.append(answer)
            ring.send(b'')
        self._answered.append(None)
        ring.send(b'')
        ring.close()

    def _carry(self) -> None:
        inbox, refusals = Inbox(self._place), Answers(self._place)
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._bell, zmq.POLLIN)
        lanes = 2
        while lanes > 0:
            ready = dict(poller.poll())
            if self._bell in ready:
                self._bell.recv()
                answer = self._answered.popleft()
                if answer is None:
                    lanes -= 1
                else:
                    send(self._socket, answer)
            if self._socket in ready and not inbox.is_closed:
                self._sort(receive(self._socket), inbox, refusals)

    def _sort(self, frames: list[Buffer], inbox: Inbox, refusals: Answers) -> None:
        started = time.perf_counter()
        try:
            header = inbox.header_of(frames)
        except Exception as error:  # noqa: BLE001 - every failure is a reply.
            send(self._socket, refusals.refusal(error, started))
            return
        if header is not None:
            (self._act if header.lane == 'act' else self._learn).put((header, frames))
        elif inbox.is_closed:
            self._learn.put(None)
            self._act.put(None)
