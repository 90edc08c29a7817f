"""`python -m srwm.envs.procgen.nursery CONTROL DATA PARENT`: loads ProcGen once, then forks hosts.

CONTROL is an inherited SOCK_SEQPACKET socket. Messages in: {"op": "spawn", "pool", "host"} with six files
(plan, memory, commands, replies, states, log), {"op": "kill", "pool"}. Messages out: ready, spawned (pid),
exited (status).
PARENT is the pid to die with, or 0 to rely on the socket alone.
"""

from __future__ import annotations

import ctypes as C
import faulthandler
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from ..processes import die_with_parent
from .host import run_host
from .layout import fields_of
from .native import NativeInstance, NativeLibrary

FILES = 6
MESSAGE_BYTES = 4096
HOST_FAILED = 70


def _load(data: Path) -> NativeLibrary:
    """The library with its images in memory: forked hosts share them."""
    library = NativeLibrary(data)
    fields, size = fields_of(1)
    row = C.create_string_buffer(size)
    # A forked child hangs in the library if it ever ran threads of its own; this slot uses none.
    options = {'distribution_mode': 0, 'num_levels': 1, 'start_level': 0}
    addresses = {name: [C.addressof(row) + field.offset] for name, field in fields.items()}
    NativeInstance(library, ['bigfish'], options, 0, addresses).close()
    return library


class Nursery:
    """Forks hosts on demand and reports their ends."""

    def __init__(self, control: socket.socket, library: NativeLibrary) -> None:
        self._control = control
        self._library = library
        self._children: dict[int, tuple[int, str, int]] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Returns when the worker has closed its end."""
        while True:
            for ready, _ in self._poll.poll():
                if ready != self._control.fileno():
                    self._report_exit(ready)
                    continue
                message, files, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, FILES)
                if not message:
                    return
                request = json.loads(message)
                match request['op']:
                    case 'spawn':
                        self._spawn(request['pool'], request['host'], files)
                    case 'kill':
                        self.kill(request['pool'])

    def kill(self, pool: str | None) -> None:
        """Kills the hosts of a pool, or all of them."""
        for descriptor, (_, owner, _) in self._children.items():
            if pool in (None, owner):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def _say(self, **message: str | int) -> None:
        self._control.send(json.dumps(message).encode())

    def _spawn(self, pool: str, host: int, files: list[int]) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_host(parent, files)
        for file in files:
            os.close(file)
        descriptor = os.pidfd_open(pid)
        self._children[descriptor] = (pid, pool, host)
        self._poll.register(descriptor, select.POLLIN)
        self._say(event='spawned', pool=pool, host=host, pid=pid)

    def _become_host(self, parent: int, files: list[int]) -> NoReturn:
        status = HOST_FAILED
        try:
            die_with_parent(parent)
            plan, memory, commands, replies, states, log = files
            os.dup2(log, 1)
            os.dup2(log, 2)
            self._control.close()
            for descriptor in self._children:
                os.close(descriptor)
            text = os.pread(plan, os.fstat(plan).st_size, 0)
            run_host(self._library, json.loads(text), memory, commands, replies, states)
            status = 0
        finally:
            if status == HOST_FAILED:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(status)

    def _report_exit(self, descriptor: int) -> None:
        pid, pool, host = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        self._say(event='exited', pool=pool, host=host, status=os.waitstatus_to_exitcode(status))


def main() -> None:
    """Runs until the worker closes the control socket or dies."""
    control, data, parent = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
    if parent:
        die_with_parent(parent)
    faulthandler.enable()
    # Unbuffered: what the library prints before it aborts would be lost in stdio's buffer.
    libc = C.CDLL(None)
    libc.setvbuf(C.c_void_p.in_dll(libc, 'stdout'), None, 2, C.c_size_t(0))
    nursery = Nursery(control, _load(data))
    control.send(json.dumps({'event': 'ready'}).encode())
    try:
        nursery.serve()
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        nursery.kill(None)


if __name__ == '__main__':
    main()
