"""Whole messages in and out of a socket."""

from __future__ import annotations

import zmq

from srwm.worker.wire import Buffer

# Frames up to this size are copied: libzmq may put them at odd addresses, and a view pins the whole batch.
COPY_BELOW_BYTES = 65536
# As a plain number: an enum's operators are Python functions.
SEND_MORE = int(zmq.SNDMORE)
# Without pyzmq's own layer in Python, which looks at options that nobody has set: half of what sending takes.
send_frame = zmq.backend.Socket.send


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
