"""The loop of one host process: it steps its slots when told and dies with whoever started it."""

from __future__ import annotations

import ctypes as C
import json
import mmap
import os
import select
import struct
import time
from collections.abc import Sequence
from typing import Any

from .host_levels import HostQueues, QueuedSlot
from .layout import fields_of
from .native import NativeInstance, NativeLibrary

SET_LEVELS, GET_STATES, SET_STATES, READY = 252, 253, 254, 255
_SPIN_SECONDS = 100e-6
"""Longer than a worker takes for a time step that no network looks at, shorter than any network."""


class SharedRows:
    """Addresses and bytes of slots in the shared memory."""

    def __init__(self, memory: int, num_envs: int) -> None:
        self._fields, size = fields_of(num_envs)
        self._file = memory
        self._memory = mmap.mmap(memory, size)
        self._base = C.addressof(C.c_char.from_buffer(self._memory))
        row = self._fields['row']
        self.row_offsets = memoryview(self._memory)[row.offset : row.offset + row.stride * num_envs].cast('q')
        is_first = self._fields['is_first']
        self.is_first = memoryview(self._memory)[is_first.offset : is_first.offset + num_envs]
        # What the step that ended an episode returned, whatever the slot shows next.
        outcome = ('reward', 'prev_level_seed', 'prev_level_complete')
        self._outcome = [self._fields[name] for name in outcome]
        # The whole file, which the pool makes longer as it needs rows.
        self._rows: mmap.mmap | None = None
        self._rows_base = 0

    def rows(self, slots: range) -> dict[str, list[int]]:
        """The address of each slot's value of each field."""
        return {
            name: [self._base + field.offset + slot * field.stride for slot in slots]
            for name, field in self._fields.items()
        }

    def copy_observations(self, run: range, offset: int) -> None:
        """Copies what slots show into the row at `offset` of the file."""
        field = self._fields['observation']
        size = len(run) * field.stride
        first = run.start * field.stride
        if self._rows is None or offset + first + size > len(self._rows):
            self._rows = mmap.mmap(self._file, 0)
            self._rows_base = C.addressof(C.c_char.from_buffer(self._rows))
        C.memmove(self._rows_base + offset + first, self._base + field.offset + first, size)

    def copy(self, slot: int) -> list[bytes]:
        """A slot's values."""
        return [self._memory[at : at + size] for at, size in self._spans(slot)]

    def paste(self, slot: int, values: Sequence[bytes]) -> None:
        """Writes a slot's values back."""
        for (at, size), value in zip(self._spans(slot), values, strict=True):
            self._memory[at : at + size] = value

    def keep_outcome(self, slot: int) -> list[tuple[int, bytes]]:
        """Where a slot's reward and the word on its last level lie, and what they are."""
        spans = [(field.offset + slot * field.stride, field.stride) for field in self._outcome]
        return [(at, self._memory[at : at + size]) for at, size in spans]

    def restore_outcome(self, kept: Sequence[tuple[int, bytes]]) -> None:
        """Writes back what `keep_outcome` returned."""
        for at, value in kept:
            self._memory[at : at + len(value)] = value

    def _spans(self, slot: int) -> list[tuple[int, int]]:
        return [(field.offset + slot * field.stride, field.stride) for field in self._fields.values()]


class _Run:
    """A run of neighbouring slots in one native instance."""

    def __init__(self, library: NativeLibrary, entry: dict[str, Any], shared: SharedRows) -> None:
        self.first = entry['first']
        self.slots = range(self.first, self.first + len(entry['games']))
        seeds, games, options = entry['seeds'], entry['games'], entry['options']
        self.games, self.options = games, options
        rows = shared.rows(self.slots)
        self.instance = NativeInstance(library, games, options, seeds[0], rows)
        self.count = len(games)
        if self.count == 1:
            return
        # Each slot starts as it would alone with its own seed, so that sharing slots out changes no bit. What
        # the instance itself drew is overwritten, its first time step included.
        for index, (game, seed) in enumerate(zip(games, seeds, strict=True)):
            slot = self.first + index
            alone = NativeInstance(library, [game], options, seed, shared.rows(range(slot, slot + 1)))
            values = shared.copy(slot)
            self.instance.set_state(index, alone.get_state(0))
            shared.paste(slot, values)
            alone.close()


class _Commands:
    """What the worker writes to a host.

    A core that is given up has to be woken again, which takes a virtual one longer than the worker takes between two
    steps. So a host that has a core to itself looks out for its next command a moment before it sleeps, but only
    where the last one came as soon as that: beside a network it sleeps at once. Measured on `env/procgen`: 3 % more.
    """

    def __init__(self, file: int, *, may_spin: bool) -> None:
        self._file = file
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)
        self._spin_seconds = _SPIN_SECONDS if may_spin else 0.0
        self._waited = _SPIN_SECONDS

    def read(self) -> bytes:
        """Waits for the next ones; empty when the worker has closed its end."""
        started = time.perf_counter()
        if self._waited < self._spin_seconds:
            end = started + self._spin_seconds
            while not self._poll.poll(0) and time.perf_counter() < end:
                pass
        commands = os.read(self._file, 4096)
        self._waited = time.perf_counter() - started
        return commands


def run_host(
    library: NativeLibrary, plan: dict[str, Any], memory: int, commands: int, replies: int, states: int
) -> None:
    """Serves commands until their pipe closes.

    Each command is one byte and is answered by the same byte: a group's number steps the host's slots of it,
    GET_STATES and SET_STATES move native states through the file `states`, SET_LEVELS reads queues of levels from it.
    READY is said once, unasked.
    """
    shared = SharedRows(memory, plan['num_envs'])
    groups = [[_Run(library, entry, shared) for entry in group] for group in plan['groups']]
    slots = [(run.instance, index) for group in groups for run in group for index in range(run.count)]
    steps = [[(run.instance.handle, run.slots) for run in group] for group in groups]
    first_slots = [group * plan['num_envs'] // len(groups) for group in range(len(groups))]
    queues = HostQueues(library, _queued_slots(groups))
    waiting_for_levels = queues.waiting()
    row_offsets, copy_observations = shared.row_offsets, shared.copy_observations
    act, observe = library.functions.libenv_act, library.functions.libenv_observe
    answers = [bytes([code]) for code in range(256)]
    waiting = _Commands(commands, may_spin=plan['hosts'] <= len(os.sched_getaffinity(0)))
    os.write(replies, answers[READY])
    while received := waiting.read():
        for code in received:
            if code == GET_STATES:
                write_states(states, [instance.get_state(index) for instance, index in slots])
            elif code == SET_STATES:
                for (instance, index), state in zip(slots, read_states(states), strict=True):
                    instance.set_state(index, state)
            elif code == SET_LEVELS:
                _set_levels(queues, json.loads(read_states(states)[0]))
            else:
                row = row_offsets[first_slots[code]]
                for handle, run in steps[code]:
                    act(handle)
                    observe(handle)
                    if waiting_for_levels:
                        _begin_next_levels(queues, run, shared)
                    # Here the pixels are still in this core's cache; in the worker's they never were.
                    if row >= 0:
                        copy_observations(run, row)
            os.write(replies, answers[code])


def _queued_slots(groups: Sequence[Sequence[_Run]]) -> dict[int, QueuedSlot]:
    return {
        run.first + index: QueuedSlot(instance=run.instance, index=index, game=game, options=run.options)
        for group in groups
        for run in group
        for index, game in enumerate(run.games)
    }


def _set_levels(queues: HostQueues, orders: list[tuple[int, list[int], bool]]) -> None:
    queues.replace({slot: levels for slot, levels, _ in orders})
    for slot, _, restart in orders:
        if restart:
            queues.begin_next(slot)


def _begin_next_levels(queues: HostQueues, run: range, shared: SharedRows) -> None:
    """Moves on the slots of a run whose episode has just ended and that have a level waiting."""
    for slot in [slot for slot in queues.waiting() if slot in run and shared.is_first[slot]]:
        outcome = shared.keep_outcome(slot)
        queues.begin_next(slot)
        shared.restore_outcome(outcome)


def write_states(file: int, states: Sequence[bytes]) -> None:
    """Fills `file` with the number of states, the size of each (uint64), then all of them."""
    head = struct.pack(f'<{1 + len(states)}Q', len(states), *map(len, states))
    data = memoryview(head + b''.join(states))
    os.ftruncate(file, 0)
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], done)


def read_states(file: int) -> list[bytes]:
    """What `write_states` wrote."""
    with mmap.mmap(file, 0, prot=mmap.PROT_READ) as data:
        (count,) = struct.unpack_from('<Q', data)
        sizes = struct.unpack_from(f'<{count}Q', data, 8)
        states, at = [], 8 * (1 + count)
        for size in sizes:
            states.append(data[at : at + size])
            at += size
        return states
