"""The work channel: one request after the other, on the main thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from srwm.worker.context import Activity, Context
from srwm.worker.errors import WorkerError, failure_of
from srwm.worker.messages_gen import Kind
from srwm.worker.wire import Buffer, Codec, decode_preamble, request_prefix, tensors_of

# Frames up to this size are copied: libzmq may put them at odd addresses, and a view pins the whole batch.
COPY_BELOW_BYTES = 65536


def serve(
    socket: zmq.Socket, handlers: Mapping[str, Callable[..., Any]], activity: Activity, epoch: int
) -> None:
    """Answers requests until the driver says SHUTDOWN on this channel."""
    codec = Codec()
    prefix = request_prefix(epoch)
    activity.phase = 'idle'
    while True:
        frames = receive(socket)
        started = time.perf_counter()
        request = 0
        try:
            # One comparison for the usual case; whatever differs is decoded to say how.
            if frames[0][:12] != prefix or len(frames) < 2:
                preamble = decode_preamble(frames[0], len(frames))
                if preamble.epoch != epoch:
                    # A message of an earlier session that was still in a queue.
                    continue
                if preamble.kind is Kind.SHUTDOWN:
                    return
                raise WorkerError('PROTOCOL_HEADER', f'work: kind must be REQUEST, got {preamble.kind.name}.')
            header = codec.header(frames[1])
            request = header.id
            body = codec.body(header)
            tensors = tensors_of(header.tensors, frames[2:])
            handler = handlers.get(header.verb)
            if handler is None:
                raise WorkerError(
                    'PROTOCOL_VERB', f'worker: must have a handler for "{header.verb}", got none.'
                )
            context = Context(activity, request, header.verb, header.deadline_ms)
            activity.begin(request)
            # A request that was given up while it waited is not begun.
            context.check()
            reply, results = handler(body, tensors, context)
            answer = codec.reply(epoch, request, reply, results, time.perf_counter() - started)
        except Exception as error:  # noqa: BLE001 - every failure is a reply.
            answer = codec.error(epoch, request, failure_of(error), time.perf_counter() - started)
        activity.end(request)
        # Copied on the way out: a handler may write to its tensors while libzmq still sends them.
        socket.send_multipart(answer, copy=True)


def receive(socket: zmq.Socket) -> list[Buffer]:
    """Frames of one message: large tensor frames as writable views, everything else as copies."""
    frames: list[Buffer] = [socket.recv()]
    while socket.getsockopt(zmq.RCVMORE):
        if len(frames) < 2:
            frames.append(socket.recv())
            continue
        frame = socket.recv(copy=False)
        view = frame.buffer
        frames.append(bytearray(view) if view.nbytes < COPY_BELOW_BYTES else view)
    return frames
