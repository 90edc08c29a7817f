"""The hosts of one pool, seen from the worker: commands, answers, deadlines, and what a lost host says."""

from __future__ import annotations

import json
import os
import select
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import EnvError
from .host import GET_STATES, READY, SET_STATES, read_states, write_states
from .options import ProcgenSpec, slot_seed
from .supervise import REOPEN, borrow_nursery, how_it_ended, return_nursery, tail_of

_EXIT_SECONDS = 2.0


@dataclass(kw_only=True)
class _Host:
    number: int
    pid: int
    share: list[list[range]]
    commands: int
    replies: int
    states: int
    log: int
    answered: set[int] = field(default_factory=set)

    def slots(self) -> list[int]:
        return [slot for group in self.share for run in group for slot in run]

    def close(self) -> None:
        for file in (self.commands, self.replies, self.states, self.log):
            os.close(file)


class Hosts:
    """Starts one host process for each share of slots and speaks with them.

    The first loss ends all of them: every later call raises the same ENV_HOST_LOST.
    """

    def __init__(self, spec: ProcgenSpec, shares: Sequence[list[list[range]]], memory: int) -> None:
        """`shares[host][group]` lists runs of slots; `memory` is the file of `layout`."""
        self._spec = spec
        self._seconds = spec.host_timeout_seconds
        self._pool = uuid.uuid4().hex
        self._hosts: list[_Host] = []
        self._of_replies: dict[int, _Host] = {}
        self._poll = select.poll()
        self._loss: EnvError | None = None
        self._closed = False
        self._nursery = borrow_nursery(spec.library, self._seconds)
        self._started: dict[int, float] = {}
        try:
            for number, share in enumerate(shares):
                host = self._start(number, share, memory)
                self._hosts.append(host)
                self._of_replies[host.replies] = host
                self._poll.register(host.replies, select.POLLIN)
            self._started[READY] = time.monotonic()
            self._finish(READY, self._hosts, 'opening its slots')
        except BaseException:
            self.close()
            raise
        self._of_group = [[host for host in self._hosts if host.share[g]] for g in range(spec.num_groups)]

    @property
    def pids(self) -> list[int]:
        """The process of each host."""
        return [host.pid for host in self._hosts]

    def _start(self, number: int, share: list[list[range]], memory: int) -> _Host:
        commands_out, commands_in = os.pipe()
        replies_out, replies_in = os.pipe()
        plan, states, log = (os.memfd_create(f'procgen-{name}') for name in ('plan', 'states', 'log'))
        text = json.dumps(_plan(self._spec, share)).encode()
        with open(plan, 'wb', closefd=False) as file:
            file.write(text)
        try:
            files = [plan, memory, commands_out, replies_in, states, log]
            pid = self._nursery.spawn(self._pool, number, files, self._seconds)
        except BaseException:
            for descriptor in (commands_in, replies_out, states, log):
                os.close(descriptor)
            raise
        finally:
            # Without these copies a host's death closes its pipe, and the worker's death the host's.
            for descriptor in (plan, commands_out, replies_in):
                os.close(descriptor)
        return _Host(
            number=number,
            pid=pid,
            share=share,
            commands=commands_in,
            replies=replies_out,
            states=states,
            log=log,
        )

    def send(self, group: int) -> None:
        """Has a group stepped with the actions in shared memory."""
        self._started[group] = time.monotonic()
        for host in self._of_group[group]:
            self._command(host, group)

    def receive(self, group: int) -> None:
        """Waits until every host has stepped the group."""
        self._finish(group, self._of_group[group], f'stepping group {group}')

    def first_to_answer(self, groups: Sequence[int]) -> int:
        """Waits until every host has stepped some group and returns it, the lowest of several."""
        oldest = min(groups, key=self._started.__getitem__)
        while True:
            for group in groups:
                if all(group in host.answered for host in self._of_group[group]):
                    return group
            self._hear(oldest, self._of_group[oldest], f'stepping group {oldest}')

    def get_states(self) -> dict[int, bytes]:
        """The native state of each slot; no group may be in flight."""
        self._round(GET_STATES, 'saving its slots')
        states: dict[int, bytes] = {}
        for host in self._hosts:
            states |= zip(host.slots(), read_states(host.states), strict=True)
        return states

    def set_states(self, states: Sequence[bytes]) -> None:
        """Gives each slot its native state; the states must have been checked."""
        for host in self._hosts:
            write_states(host.states, [states[slot] for slot in host.slots()])
        self._round(SET_STATES, 'restoring its slots')

    def _round(self, code: int, what: str) -> None:
        self._started[code] = time.monotonic()
        for host in self._hosts:
            self._command(host, code)
        self._finish(code, self._hosts, what)

    def _command(self, host: _Host, code: int) -> None:
        if self._loss:
            raise self._loss
        try:
            os.write(host.commands, bytes((code,)))
        except BrokenPipeError:
            raise self._lose(host, 'waiting for work', hung=False) from None

    def _finish(self, code: int, hosts: Sequence[_Host], what: str) -> None:
        if self._loss:
            raise self._loss
        while not all(code in host.answered for host in hosts):
            self._hear(code, hosts, what)
        for host in hosts:
            host.answered.discard(code)

    def _hear(self, code: int, hosts: Sequence[_Host], what: str) -> None:
        """Takes answers of any host; `hosts` must give theirs to `code` in time."""
        if self._loss:
            raise self._loss
        left = self._started[code] + self._seconds - time.monotonic()
        ready = self._poll.poll(max(0.0, left * 1000))
        if not ready:
            late = next(host for host in hosts if code not in host.answered)
            raise self._lose(late, what, hung=True)
        for descriptor, _ in ready:
            host = self._of_replies[descriptor]
            answers = os.read(descriptor, 64)
            if not answers:
                raise self._lose(host, what, hung=False)
            host.answered.update(answers)

    def _lose(self, host: _Host, what: str, *, hung: bool) -> EnvError:
        who = f'procgen pool: host {host.number} of {len(self._hosts)} (pid {host.pid})'
        if hung:
            message = (
                f'{who} must answer within {self._seconds:g} s, but did not while {what}'
                f' (process state {_process_state(host.pid)}).{tail_of(host.log)}'
            )
        elif not self._nursery.alive():
            message = f'{who} was lost while {what}: its nursery {self._nursery.how_lost()}'
        else:
            status = self._nursery.exit_status(self._pool, host.number, _EXIT_SECONDS)
            message = f'{who} {how_it_ended(status)} while {what}.{tail_of(host.log)}'
        self._loss = EnvError('ENV_HOST_LOST', message, REOPEN)
        self._nursery.kill(self._pool, len(self._hosts), _EXIT_SECONDS)
        return self._loss

    def close(self) -> None:
        """Ends every host; closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._nursery.kill(self._pool, len(self._hosts), _EXIT_SECONDS)
        for host in self._hosts:
            host.close()
        return_nursery(self._nursery)


def _plan(spec: ProcgenSpec, share: list[list[range]]) -> dict[str, Any]:
    groups = [
        [
            {
                'first': run.start,
                'games': [spec.games[slot] for slot in run],
                'options': spec.native_options(spec.games[run.start]),
                'seeds': [slot_seed(spec.seed, slot) for slot in run],
            }
            for run in group
        ]
        for group in share
    ]
    return {'num_envs': len(spec.games), 'groups': groups}


def _process_state(pid: int) -> str:
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0]
    except OSError:
        return 'unknown'
