"""The control channel: a thread with its own socket that answers while the main thread is inside torch."""

from __future__ import annotations

import os
import platform
import sys
import threading

import msgspec
import zmq

from srwm.worker.context import Activity
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import (
    MAX_FRAME_BYTES,
    PROTOCOL_HASH,
    Bye,
    Cancel,
    Hello,
    Kind,
    Ping,
    Welcome,
)
from srwm.worker.wire import Codec, decode_preamble

ROUTING_ID = b'worker'


def connect(context: zmq.Context, endpoint: str) -> zmq.Socket:
    """A DEALER with the worker's routing id. Closing it waits 2 s at most for what is still to be sent."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, ROUTING_ID)
    socket.setsockopt(zmq.LINGER, 2000)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    # The driver's own limits bound the queues; a limit here would drop or block replies.
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.connect(endpoint)
    return socket


class Control(threading.Thread):
    """Greets the driver, answers pings, notes cancellations."""

    def __init__(self, context: zmq.Context, endpoint: str, token: str, activity: Activity) -> None:
        super().__init__(name='control', daemon=True)
        self._socket = connect(context, endpoint)
        self._token = token
        self._activity = activity
        self._codec = Codec()
        self._welcomed = threading.Event()
        self.epoch = 0

    def wait_for_welcome(self) -> int:
        """The epoch of the session, once the driver accepted this worker."""
        self._welcomed.wait()
        return self.epoch

    def run(self) -> None:
        """Serves until the process ends."""
        hello = Hello(
            token=self._token, pid=os.getpid(), python=platform.python_version(), protocol_hash=PROTOCOL_HASH
        )
        self._socket.send_multipart(self._codec.control(Kind.HELLO, 0, hello))
        while True:
            frames = self._socket.recv_multipart()
            try:
                self._receive(frames)
            except (WorkerError, msgspec.DecodeError) as error:
                # Without a working control channel the driver could not supervise this process.
                leave(f'worker: control message must be valid, got {error}', 1)

    def _receive(self, frames: list[bytes]) -> None:
        preamble = decode_preamble(frames[0], len(frames))
        decode = msgspec.msgpack.decode
        match preamble.kind:
            case Kind.PING:
                pong = self._activity.pong(decode(frames[1], type=Ping).sequence)
                self._socket.send_multipart(self._codec.control(Kind.PONG, self.epoch, pong))
            case Kind.CANCEL:
                self._activity.cancel(decode(frames[1], type=Cancel).request)
            case Kind.SHUTDOWN:
                self._activity.stopping = True
            case Kind.WELCOME:
                decode(frames[1], type=Welcome)
                self.epoch = preamble.epoch
                self._welcomed.set()
            case Kind.BYE:
                leave(f'worker: the driver refused this worker: {decode(frames[1], type=Bye).message}', 1)
            case other:
                raise WorkerError(
                    'PROTOCOL_HEADER', f'control: kind must be one for a worker, got {other.name}.'
                )


def leave(message: str, status: int) -> None:
    """Ends the process at once, whatever other threads do."""
    print(message, file=sys.stderr, flush=True)
    os._exit(status)
