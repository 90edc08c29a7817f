"""ProcGen as a vector of environments in this process, as the `procgen` package gives it: what the rivals step.

The package's own wheel ends at Python 3.10; this is its native library with its own threads and the same calls.
"""

from __future__ import annotations

import ctypes as C
import mmap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srwm.envs.procgen.layout import fields_of, map_arrays
from srwm.envs.procgen.native import NativeInstance, NativeLibrary
from srwm.envs.procgen.options import parse_spec
from srwm.envs.seeds import slot_seed

NUM_ACTIONS = 15


class ProcgenVector:
    """`slots` of the pool that `spec` describes. Actions go in, time steps come out; a finished game starts anew."""

    def __init__(self, library: NativeLibrary, spec: Mapping[str, Any], slots: Sequence[int], threads: int):
        parsed = parse_spec(spec)
        games = [parsed.games[slot] for slot in slots]
        fields, size = fields_of(len(games))
        self._memory = mmap.mmap(-1, size)
        base = C.addressof(C.c_char.from_buffer(self._memory))
        rows = {
            name: [base + field.offset + index * field.stride for index in range(len(games))]
            for name, field in fields.items()
        }
        options, seed = parsed.native_options(games[0]), slot_seed(parsed.seed, slots[0])
        self._instance = NativeInstance(library, games, options, seed, rows, num_threads=threads)
        self._functions = library.functions
        arrays = map_arrays(self._memory, len(games))
        self.action = arrays['action']
        self.observation, self.reward, self.done = arrays['observation'], arrays['reward'], arrays['is_first']
        self.num_envs = len(games)

    def begin(self, actions: np.ndarray) -> None:
        """Starts a step; with threads, it goes on beside the caller."""
        self.action[:] = actions
        self._functions.libenv_act(self._instance.handle)

    def end(self) -> None:
        """Waits until `observation`, `reward` and `done` are those of the step."""
        self._functions.libenv_observe(self._instance.handle)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The package's `step`: arrays of the caller's own."""
        self.begin(actions)
        self.end()
        return self.observation.copy(), self.reward.copy(), self.done.copy()


def load_library(spec: Mapping[str, Any]) -> NativeLibrary:
    """Once a process; its first environment loads the images, which processes forked later share."""
    return NativeLibrary(parse_spec(spec).library)
