"""The hosts of one pool, seen from the worker: commands, answers, deadlines, and what a lost host says."""

from __future__ import annotations

import json
import os
import select
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import EnvError
from ..levels import LevelOrder
from ..processes import how_it_ended, tail_of
from ..seeds import slot_seed
from .host import GET_STATES, READY, SET_LEVELS, SET_STATES, read_states, write_states
from .options import ProcgenSpec
from .supervise import REOPEN, borrow_nursery, return_nursery

_EXIT_SECONDS = 2.0
_WATCH_SECONDS = 0.05
"""How often deadlines are looked at while nobody answers."""


@dataclass(kw_only=True)
class _Host:
    number: int
    pid: int
    share: list[list[range]]
    commands: int
    replies: int
    states: int
    log: int

    def slots(self) -> list[int]:
        return [slot for group in self.share for run in group for slot in run]

    def close(self) -> None:
        for file in (self.commands, self.replies, self.states, self.log):
            os.close(file)


class _Round:
    """One command to some hosts and what is known of their answers; used again for every such command."""

    __slots__ = ('command', 'commands', 'hosts', 'missing', 'replies', 'started', 'what')

    def __init__(self, code: int, hosts: Sequence[_Host], what: str) -> None:
        """`what` ends the sentence `host 1 was lost while ...`."""
        self.command = bytes((code,))
        self.hosts = list(hosts)
        self.commands = [host.commands for host in hosts]
        self.replies = [host.replies for host in hosts]
        self.what = what
        self.missing: set[int] = set()
        """Descriptors of the answers that have not come."""
        self.started = 0.0


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
        self._poll = select.poll()
        self._rounds: dict[int, _Round] = {}
        self._loss: EnvError | None = None
        self._closed = False
        self._nursery = borrow_nursery(spec.library, self._seconds)
        try:
            for number, share in enumerate(shares):
                host = self._start(number, share, memory)
                self._hosts.append(host)
                self._poll.register(host.replies, select.POLLIN)
            opening = self._rounds[READY] = _Round(READY, self._hosts, 'opening its slots')
            self._begin(opening)
            self._finish(opening)
        except BaseException:
            self.close()
            raise
        for group in range(spec.num_groups):
            owners = [host for host in self._hosts if host.share[group]]
            self._rounds[group] = _Round(group, owners, f'stepping group {group}')
        self._rounds[GET_STATES] = _Round(GET_STATES, self._hosts, 'saving its slots')
        self._rounds[SET_STATES] = _Round(SET_STATES, self._hosts, 'restoring its slots')
        self._rounds[SET_LEVELS] = _Round(SET_LEVELS, self._hosts, 'queueing levels')

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
        self._command(self._rounds[group])

    def receive(self, group: int) -> None:
        """Waits until every host has stepped the group."""
        self._finish(self._rounds[group])

    def first_to_answer(self, groups: Collection[int]) -> int:
        """Waits until every host has stepped some group and returns it, the first in `groups` of several."""
        rounds = self._rounds
        while True:
            for group in groups:
                if not rounds[group].missing:
                    return group
            self._hear()

    def get_states(self) -> dict[int, bytes]:
        """The native state of each slot; no group may be in flight."""
        self._whole_round(GET_STATES)
        states: dict[int, bytes] = {}
        for host in self._hosts:
            states |= zip(host.slots(), read_states(host.states), strict=True)
        return states

    def set_states(self, states: Sequence[bytes]) -> None:
        """Gives each slot its native state; the states must have been checked."""
        for host in self._hosts:
            write_states(host.states, [states[slot] for slot in host.slots()])
        self._whole_round(SET_STATES)

    def set_levels(self, orders: Sequence[LevelOrder]) -> None:
        """Tells each host what its slots play next; no group may be in flight."""
        by_slot = {order.slot: [order.slot, list(order.levels), order.restart] for order in orders}
        for host in self._hosts:
            own = [by_slot[slot] for slot in host.slots() if slot in by_slot]
            write_states(host.states, [json.dumps(own).encode()])
        self._whole_round(SET_LEVELS)

    def _whole_round(self, code: int) -> None:
        self._command(self._rounds[code])
        self._finish(self._rounds[code])

    def _begin(self, round_: _Round) -> None:
        round_.started = time.monotonic()
        round_.missing.update(round_.replies)

    def _command(self, round_: _Round) -> None:
        if self._loss:
            raise self._loss
        self._begin(round_)
        for descriptor in round_.commands:
            try:
                os.write(descriptor, round_.command)
            except BrokenPipeError:
                host = next(host for host in self._hosts if host.commands == descriptor)
                raise self._lose(host, 'waiting for work', hung=False) from None

    def _finish(self, round_: _Round) -> None:
        if self._loss:
            raise self._loss
        while round_.missing:
            self._hear()

    def _hear(self) -> None:
        """Takes the answers that are there, or waits a moment for the next."""
        if self._loss:
            raise self._loss
        ready = self._poll.poll(_WATCH_SECONDS * 1000)
        if not ready:
            self._watch()
        for descriptor, _ in ready:
            answers = os.read(descriptor, 64)
            if not answers:
                host, what = self._owing(descriptor)
                raise self._lose(host, what, hung=False)
            for code in answers:
                self._rounds[code].missing.discard(descriptor)

    def _watch(self) -> None:
        """Raises ENV_HOST_LOST where a host has kept its answer for too long."""
        now = time.monotonic()
        for round_ in self._rounds.values():
            if round_.missing and now >= round_.started + self._seconds:
                late = next(host for host in round_.hosts if host.replies in round_.missing)
                raise self._lose(late, round_.what, hung=True)

    def _owing(self, descriptor: int) -> tuple[_Host, str]:
        """The host at the other end of `replies` and what it was doing."""
        host = next(host for host in self._hosts if host.replies == descriptor)
        owed = [round_.what for round_ in self._rounds.values() if descriptor in round_.missing]
        return host, owed[0] if owed else 'waiting for work'

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
    return {'hosts': spec.num_hosts, 'num_envs': len(spec.games), 'groups': groups}


def _process_state(pid: int) -> str:
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0]
    except OSError:
        return 'unknown'
