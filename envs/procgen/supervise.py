"""The worker's side of the nursery: starts it, asks it for hosts, hears how they ended."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import EnvError
from ..processes import how_it_ended, python_path, tail_of
from .nursery import MESSAGE_BYTES

_STOP_SECONDS = 5.0
REOPEN = 'Open the pool again and restore its last state; what happened since then is collected again.'


class Nursery:
    """One per native library and worker process, shared by its pools; it ends with the last of them."""

    def __init__(self, data: Path, seconds: float) -> None:
        """Starts the process and waits until it has loaded the games' images."""
        self.data = data
        self.users = 0
        self._log = os.memfd_create('procgen-nursery-log')
        self._events: dict[tuple[str, int], dict[str, int]] = {}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        # The kernel's parent-death signal follows the thread that started the process, not the whole parent.
        parent = os.getpid() if threading.current_thread() is threading.main_thread() else 0
        module = f'{__package__}.nursery'
        environment = {
            **os.environ,
            'PYTHONPATH': python_path(),
            'OPENBLAS_NUM_THREADS': '1',
            'GLIBC_TUNABLES': _memory_tuning(os.environ.get('GLIBC_TUNABLES')),
        }
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-P', '-m', module, str(theirs.fileno()), str(data), str(parent)],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=environment,
                pass_fds=[theirs.fileno()],
                # A Ctrl-C at the terminal is for the worker to answer.
                process_group=0,
            )
        try:
            self._until(lambda: ('', 0) in self._events, seconds, 'load the native library')
        except BaseException:
            self.stop()
            raise

    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process.poll() is None

    def spawn(self, pool: str, host: int, files: list[int], seconds: float) -> int:
        """Forks a host with the six files of `nursery`; returns its pid."""
        message = json.dumps({'op': 'spawn', 'pool': pool, 'host': host}).encode()
        try:
            socket.send_fds(self._control, [message], files)
        except OSError:
            raise self._lost('start a host') from None
        self._until(lambda: (pool, host) in self._events, seconds, 'start a host')
        return self._events[(pool, host)]['pid']

    def exit_status(self, pool: str, host: int, seconds: float) -> int | None:
        """How a host ended, as a return code; None if that is not known within `seconds`."""
        deadline = time.monotonic() + seconds
        while 'status' not in self._events[(pool, host)]:
            if not self._hear(deadline - time.monotonic()):
                return None
        return self._events[(pool, host)]['status']

    def kill(self, pool: str, hosts: int, seconds: float) -> None:
        """Kills the hosts of a pool and waits until they are gone."""
        try:
            self._control.send(json.dumps({'op': 'kill', 'pool': pool}).encode())
        except OSError:
            return
        for host in range(hosts):
            if (pool, host) in self._events:
                self.exit_status(pool, host, seconds)
                del self._events[(pool, host)]

    def stop(self) -> None:
        """Ends the process and, through it, every host."""
        self._control.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._log)

    def _until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            left = deadline - time.monotonic()
            if not self._hear(left) and not done():
                if left > 0:
                    raise self._lost(what)
                raise EnvError(
                    'ENV_HOST_LOST',
                    f'{self._who()} must {what} within {seconds:g} s, but did not.{tail_of(self._log)}',
                    'Raise the host time-out if the machine is busy.',
                )

    def _hear(self, seconds: float) -> bool:
        """Takes one message; False if none came in time or none can come any more."""
        if self._control.fileno() < 0 or not select.select([self._control], [], [], max(0.0, seconds))[0]:
            return False
        try:
            message = self._control.recv(MESSAGE_BYTES)
        except ConnectionResetError:
            message = b''
        if not message:
            return False
        event = json.loads(message)
        match event.pop('event'):
            case 'ready':
                self._events[('', 0)] = {}
            case 'spawned' | 'exited':
                self._events.setdefault((event.pop('pool'), event.pop('host')), {}).update(event)
        return True

    def _lost(self, what: str) -> EnvError:
        return EnvError(
            'ENV_HOST_LOST',
            f'{self._who()} must {what}, but {self.how_lost()}',
            REOPEN,
        )

    def _who(self) -> str:
        return f'procgen nursery (pid {self._process.pid})'

    def how_lost(self) -> str:
        """How the process ended and its last output."""
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            status = None
        return f'{how_it_ended(status)}.{tail_of(self._log)}'


def _memory_tuning(inherited: str | None) -> str:
    """What glibc reads at a process's start; another C library ignores it. Measured on `env/procgen`:

    large copies, an unroll's rows, go past the caches, which the games need for themselves (a third less time for
    them); the games' images come from one heap in huge pages (1 to 3 % faster steps where Linux gives them on request).
    """
    ours = (
        'glibc.cpu.x86_non_temporal_threshold=131072',
        'glibc.malloc.hugetlb=1',
        f'glibc.malloc.mmap_threshold={2**30}',
        f'glibc.malloc.trim_threshold={2**32}',
        f'glibc.malloc.top_pad={2**26}',
    )
    return ':'.join(filter(None, (inherited, *ours)))


_running: dict[tuple[int, Path], Nursery] = {}


def borrow_nursery(data: Path, seconds: float) -> Nursery:
    """This process's nursery for a native library; give it back with `return_nursery`."""
    key = (os.getpid(), data)
    nursery = _running.get(key)
    if nursery is None or not nursery.alive():
        nursery = Nursery(data, seconds)
        _running[key] = nursery
    nursery.users += 1
    return nursery


def return_nursery(nursery: Nursery) -> None:
    """Stops the nursery when nobody else uses it."""
    nursery.users -= 1
    if nursery.users > 0:
        return
    key = (os.getpid(), nursery.data)
    if _running.get(key) is nursery:
        del _running[key]
    nursery.stop()
