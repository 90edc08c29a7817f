"""The work channel: one request after the other, on the main thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import zmq

from srwm.worker.arena import Arena
from srwm.worker.context import Activity, Context
from srwm.worker.errors import WorkerError, failure_of
from srwm.worker.messages_gen import Failure, Kind, RequestHeader
from srwm.worker.wire import Buffer, Codec, WireTensor, decode_preamble, request_prefix, tensors_of

Reply: TypeAlias = tuple[dict[str, Any], list[WireTensor]]

# Frames up to this size are copied: libzmq may put them at odd addresses, and a view pins the whole batch.
COPY_BELOW_BYTES = 65536
# As a plain number: an enum's operators are Python functions.
SEND_MORE = int(zmq.SNDMORE)
# Without pyzmq's own layer in Python, which looks at options that nobody has set: half of what sending takes.
send_frame = zmq.backend.Socket.send


def serve(
    socket: zmq.Socket,
    handlers: Mapping[str, Callable[..., Any]],
    activity: Activity,
    epoch: int,
    arena: Arena,
) -> None:
    """Answers requests until the driver says SHUTDOWN on this channel."""
    codec = Codec()
    prefix = request_prefix(epoch)
    activity.phase = 'idle'

    def handled(header: RequestHeader, frames: list[Buffer]) -> Reply:
        """The reply of a handler; nothing of its tensors is held here when it returns."""
        tensors = tensors_of(header.tensors, frames, arena)
        body = codec.body(header)
        handler = handlers.get(header.verb)
        if handler is None:
            raise WorkerError('PROTOCOL_VERB', f'worker: must have a handler for "{header.verb}", got none.')
        context = Context(activity, header.id, header.verb, header.deadline_ms)
        activity.begin(header.id)
        # A request that was given up while it waited is not begun.
        context.check()
        return handler(body, tensors, context)

    while True:
        frames = receive(socket)
        started = time.perf_counter()
        request = 0
        result: Reply | Failure
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
            result = handled(header, frames[2:])
        except Exception as error:  # noqa: BLE001 - every failure is a reply.
            result = failure_of(error)
        answer = encode(codec, epoch, request, result, started, arena.take_freed())
        activity.end(request)
        send(socket, answer)


def encode(
    codec: Codec, epoch: int, request: int, result: Reply | Failure, started: float, freed: list[int]
) -> list[Buffer]:
    """Frames of what a request came to."""
    if not isinstance(result, Failure):
        try:
            body, tensors = result
            return codec.reply(epoch, request, body, tensors, time.perf_counter() - started, freed)
        except Exception as error:  # noqa: BLE001 - a reply that cannot be sent is a failure of its handler.
            result = failure_of(error)
    return codec.error(epoch, request, result, time.perf_counter() - started, freed)


def receive(socket: zmq.Socket) -> list[Buffer]:
    """Frames of one message: large tensor frames as writable views, everything else as copies."""
    # A frame object knows whether another follows it; to ask the socket takes as long as to receive.
    frame = socket.recv(copy=False)
    frames: list[Buffer] = [frame.bytes]
    while frame.more:
        frame = socket.recv(copy=False)
        if len(frames) < 2:
            frames.append(frame.bytes)
            continue
        view = frame.buffer
        frames.append(bytearray(view) if view.nbytes < COPY_BELOW_BYTES else view)
    return frames


def send(socket: zmq.Socket, frames: list[Buffer]) -> None:
    """One message. Copied on the way out: a handler may write to its tensors while libzmq still sends them."""
    # pyzmq's send_multipart tries each frame first and makes new flags for each: several times what sending takes.
    for index in range(len(frames) - 1):
        send_frame(socket, frames[index], SEND_MORE)
    send_frame(socket, frames[-1])
