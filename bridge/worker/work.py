"""The work channel: one request after the other, on the main thread; with a second lane, two at once."""

from __future__ import annotations

import time
from typing import Final

import zmq

from srwm.worker.answers import Answers, Inbox, Place
from srwm.worker.arena import Arena
from srwm.worker.context import Activity
from srwm.worker.lanes import Lanes
from srwm.worker.loader import Handlers
from srwm.worker.sockets import receive, send

ACT: Final = 'act'


def serve(socket: zmq.Socket, handlers: Handlers, activity: Activity, epoch: int, arena: Arena) -> None:
    """Answers requests until the driver says SHUTDOWN on this channel."""
    place = Place(handlers=handlers.verbs, activity=activity, epoch=epoch, arena=arena)
    inbox, answers = Inbox(place), Answers(place)
    activity.idle = 'idle'
    while True:
        frames = receive(socket)
        started = time.perf_counter()
        try:
            header = inbox.header_of(frames)
        except Exception as error:  # noqa: BLE001 - every failure is a reply.
            send(socket, answers.refusal(error, started))
            continue
        if header is None:
            if inbox.is_closed:
                return
            continue
        if header.lane == ACT:
            # Whoever never asks for a second lane pays for no thread.
            Lanes(socket, place, handlers.act_lane).serve(header, frames)
            return
        send(socket, answers.answer(header, frames, started))
