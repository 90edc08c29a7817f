"""The loop of one host process: it steps its slots when told and dies with whoever started it."""

from __future__ import annotations

import ctypes as C
import mmap
import os
import signal
import struct
from collections.abc import Sequence
from typing import Any

from .layout import fields_of
from .native import NativeLibrary, NativeSlot

GET_STATES, SET_STATES, READY = 253, 254, 255
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent dies, and checks that it has not died already."""
    C.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def run_host(
    library: NativeLibrary, plan: dict[str, Any], memory: int, commands: int, replies: int, states: int
) -> None:
    """Serves commands until their pipe closes.

    Each command is one byte and is answered by the same byte: a group's number steps the host's slots of it,
    GET_STATES and SET_STATES move native states through the file `states`. READY is said once, unasked.
    """
    fields, size = fields_of(plan["num_envs"])
    shared = mmap.mmap(memory, size)
    base = C.addressof(C.c_char.from_buffer(shared))
    slots: list[NativeSlot] = []
    groups: list[list[C.c_void_p]] = []
    for group in plan["groups"]:
        made = [
            NativeSlot(
                library,
                entry["game"],
                entry["options"],
                {name: base + field.offset + entry["slot"] * field.stride for name, field in fields.items()},
            )
            for entry in group
        ]
        slots += made
        groups.append([slot.handle for slot in made])
    act, observe = library.functions.libenv_act, library.functions.libenv_observe
    answers = [bytes([code]) for code in range(256)]
    os.write(replies, answers[READY])
    while received := os.read(commands, 4096):
        for code in received:
            if code == GET_STATES:
                write_states(states, [slot.get_state() for slot in slots])
            elif code == SET_STATES:
                for slot, state in zip(slots, read_states(states), strict=True):
                    slot.set_state(state)
            else:
                for handle in groups[code]:
                    act(handle)
                    observe(handle)
            os.write(replies, answers[code])


def write_states(file: int, states: Sequence[bytes]) -> None:
    """Fills `file` with the number of states, the size of each (uint64), then all of them."""
    head = struct.pack(f"<{1 + len(states)}Q", len(states), *map(len, states))
    data = memoryview(head + b"".join(states))
    os.ftruncate(file, 0)
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], done)


def read_states(file: int) -> list[bytes]:
    """What `write_states` wrote."""
    with mmap.mmap(file, 0, prot=mmap.PROT_READ) as data:
        (count,) = struct.unpack_from("<Q", data)
        sizes = struct.unpack_from(f"<{count}Q", data, 8)
        states, at = [], 8 * (1 + count)
        for size in sizes:
            states.append(data[at : at + size])
            at += size
        return states
