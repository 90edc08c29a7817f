"""One host process, seen from the worker: its pipes, its log, and how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..processes import how_it_ended, python_path, tail_of
from .memory import unnamed_file
from .options import GymnasiumSpec

_STOP_SECONDS = 2.0
_LOG_BYTES = 1 << 20


class HostProcess:
    """Commands go in order, each is answered by one line; `owed` has what the answers are to."""

    def __init__(
        self, spec: GymnasiumSpec, number: int, plan: dict[str, Any], files: tuple[int, int]
    ) -> None:
        """`files` are those of the pool's control and slots."""
        self.number = number
        self.owed: deque[Any] = deque()
        self._buffer = b''
        self._log = unnamed_file('gymnasium-host-log')
        # Not at the top: where there is none, the pool says that it needs another system.
        import fcntl

        # So that it can be emptied under the host's pen.
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)
        commands_out, self._commands = os.pipe()
        self.replies, replies_in = os.pipe()
        # The kernel's parent-death signal follows the thread that started the process, not the whole parent.
        parent = os.getpid() if threading.current_thread() is threading.main_thread() else 0
        numbers = (commands_out, replies_in, *files, parent, number)
        try:
            self._process = subprocess.Popen(
                [sys.executable, '-P', '-m', f'{__package__}.host', *map(str, numbers)],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                cwd=spec.project,
                env=_environment(spec),
                pass_fds=[commands_out, replies_in, *files],
                # A Ctrl-C at the terminal is for the worker to answer.
                process_group=0,
            )
        finally:
            os.close(commands_out)
            os.close(replies_in)
        self.pid = self._process.pid
        self.ask(plan, 'open')

    def ask(self, command: dict[str, Any] | bytes, what: Any) -> None:
        """Sends a command: a group's number as a line, or an object. A host that is gone is heard of later."""
        line = command if isinstance(command, bytes) else json.dumps(command).encode() + b'\n'
        self.owed.append(what)
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._commands, view) :]
        except BrokenPipeError:
            return

    def read(self) -> bool:
        """Takes what the host has said; False once it has closed its pipe."""
        data = os.read(self.replies, 1 << 16)
        self._buffer += data
        # An environment that prints at every step would fill the memory in days.
        if os.fstat(self._log).st_size > _LOG_BYTES:
            os.ftruncate(self._log, 0)
        return bool(data)

    def answers(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """What was asked and its answer, one by one; `owed` loses each with it."""
        *lines, self._buffer = self._buffer.split(b'\n')
        for line in lines:
            yield self.owed.popleft(), json.loads(line) if line[:1] == b'{' else {}

    def state(self) -> str:
        """What the kernel says the process is doing, for the message of one that hangs."""
        try:
            with open(f'/proc/{self.pid}/stat') as file:
                return f' (process state {file.read().rpartition(")")[2].split()[0]})'
        except OSError:
            return ''

    def kill(self) -> str:
        """Ends the process at once, closes its pipes; says how it had ended, and its last output."""
        try:
            status = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            status = None
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()
        said = f'{how_it_ended(status)}.{tail_of(self._log)}'
        self._close()
        return said

    def hang_up(self) -> None:
        """Closes the pipe of commands: the host closes its environments and ends."""
        os.close(self._commands)
        self._commands = -1

    def wait_for_end(self) -> None:
        """Waits a moment for that, then ends it."""
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()
        self._close()

    def _close(self) -> None:
        for file in (self._commands, self.replies, self._log):
            if file >= 0:
                os.close(file)
        self._commands = -1


def _environment(spec: GymnasiumSpec) -> dict[str, str]:
    """One thread a host, which the pool has one of a core, and the user's own modules."""
    ours = {f'{name}_NUM_THREADS': '1' for name in ('OMP', 'OPENBLAS', 'MKL')}
    path = f'{python_path()}{os.pathsep}{spec.project}'
    return {**os.environ, **ours, 'OMP_WAIT_POLICY': 'PASSIVE', 'PYTHONPATH': path}
