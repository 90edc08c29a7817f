"""The hosts of a Gymnasium pool: who serves which slot, whose answer is late, and a new host for one that is lost."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..pool import Progress
from .memory import CONTROL_FIELDS, IDLE, MAKING, map_file, unnamed_file
from .options import GymnasiumSpec
from .process import HostProcess

_WATCH_SECONDS = 0.05
"""How often deadlines are looked at while nobody answers."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A host that died or was ended because it kept its answer."""

    number: int
    slot: int | None
    """The slot it was busy with; None where it was busy with none."""
    phase: int
    code: str
    how: str
    """Ends the sentence `slot 3 of CartPole-v1: ...`."""


Answered = Callable[[int, Any, dict[str, Any]], None]
"""Told (host, what was asked, answer)."""


class Hosts:
    """Starts a process for each share of slots; `hear` is the one place that waits."""

    def __init__(self, spec: GymnasiumSpec, memory: int, answered: Answered, on_progress: Progress) -> None:
        self._spec = spec
        self._answered = answered
        self._on_progress = on_progress
        self.shares = spec.shares()
        self._control = unnamed_file('gymnasium-control')
        self._files = (self._control, memory)
        self._busy = map_file(self._control, CONTROL_FIELDS, spec.num_hosts)
        self._hosts: dict[int, HostProcess] = {}
        self._moved = [(-1, 0.0)] * spec.num_hosts
        self._poll = select.poll()
        self._by_file: dict[int, HostProcess] = {}
        for number in range(spec.num_hosts):
            self.start(number)

    @property
    def pids(self) -> list[int]:
        """The process of each host."""
        return [self._hosts[number].pid for number in range(self._spec.num_hosts)]

    def slots_of(self, number: int) -> list[int]:
        """The slots of a host."""
        return [slot for group in self.shares[number] for slot in group]

    def start(self, number: int) -> None:
        """A new process, which is asked to make its environments: `answered` hears `open`."""
        for name, value in (('progress', 0), ('slot', -1), ('phase', MAKING)):
            self._busy[name][number] = value
        groups = [[group.start, group.stop] for group in self.shares[number]]
        plan = {'spec': asdict(self._spec), 'groups': groups}
        host = HostProcess(self._spec, number, plan, self._files)
        self._hosts[number] = host
        self._moved[number] = (0, time.monotonic())
        self._by_file[host.replies] = host
        self._poll.register(host.replies, select.POLLIN)

    def ask(self, number: int, command: dict[str, Any] | bytes, what: Any) -> None:
        """Sends a command; its answer comes to `answered` with `what`."""
        host = self._hosts[number]
        if not host.owed:
            self._moved[number] = (int(self._busy['progress'][number]), time.monotonic())
        host.ask(command, what)

    def owes(self, number: int) -> bool:
        """Whether a host has been asked what it has not answered."""
        return bool(self._hosts[number].owed)

    def hear(self) -> Loss | None:
        """Hands out the answers that are there, or waits a moment for some; a loss, if one was found."""
        ready = self._poll.poll(_WATCH_SECONDS * 1000)
        for file, _ in ready:
            host = self._by_file[file]
            if not host.read():
                return self._lose(host, None)
            self._on_progress()
            for what, answer in host.answers():
                self._moved[host.number] = (self._moved[host.number][0], time.monotonic())
                self._answered(host.number, what, answer)
        return None if ready else self._late()

    def _late(self) -> Loss | None:
        now = time.monotonic()
        for number, host in self._hosts.items():
            progress = int(self._busy['progress'][number])
            before, since = self._moved[number]
            if not host.owed or progress != before:
                self._moved[number] = (progress, now)
                if host.owed:
                    self._on_progress()
                continue
            making = int(self._busy['phase'][number]) in (IDLE, MAKING)
            limit = self._spec.start_timeout_seconds if making else self._spec.step_timeout_seconds
            if now - since > limit:
                return self._lose(host, limit)
        return None

    def _lose(self, host: HostProcess, limit: float | None) -> Loss:
        number = host.number
        phase, slot = int(self._busy['phase'][number]), int(self._busy['slot'][number])
        doing = _DOING[phase]
        state = host.state() if limit is not None else ''
        self._poll.unregister(host.replies)
        del self._by_file[host.replies], self._hosts[number]
        ended = host.kill()
        who = f'host {number} of {self._spec.num_hosts} (pid {host.pid})'
        if limit is None:
            code, how = 'ENV_DIED', f'{doing} must return, but {who} {ended}'
        else:
            tail = ended.partition('.')[2]
            code, how = 'ENV_TIMEOUT', f'{doing} must return within {limit:g} s, but did not{state}.{tail}'
        known = phase != IDLE and slot >= 0
        # Whoever tells of it ends the sentence.
        how = how.rstrip('.')
        return Loss(number=number, slot=slot if known else None, phase=phase, code=code, how=how)

    def close(self) -> None:
        """Ends every host and frees what they shared."""
        for host in self._hosts.values():
            host.hang_up()
        for host in self._hosts.values():
            host.wait_for_end()
        os.close(self._control)


_DOING = ('waiting for work', 'making it', 'reset', 'step', 'its episode')
