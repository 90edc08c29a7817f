"""`python -m rivals.procgen_host CONFIG`: a bare process that steps ProcGen's native library, the ceiling of any pool.

One native instance with all its slots, actions written straight into the memory that the library reads, nothing else in
the loop: no pool, no episodes, no copy, no waiting for a slower process. It starts from the native states of the slots
it is compared with and takes the same actions, so that both do the same work. Each line `N` on stdin steps N times and
is answered by seconds and a checksum of the levels that the slots are in.
"""

from __future__ import annotations

import ctypes as C
import json
import mmap
import sys
import time
import zlib
from pathlib import Path

import numpy as np

from srwm.envs.procgen.layout import fields_of, map_arrays
from srwm.envs.procgen.native import NativeInstance, NativeLibrary

NUM_ACTIONS = 15


def main() -> None:
    """CONFIG is a JSON file: library, games of all slots, options, [first, end) of the own ones, states, seed."""
    config = json.loads(Path(sys.argv[1]).read_text())
    first, end = config['slots']
    count = end - first
    fields, size = fields_of(count)
    memory = mmap.mmap(-1, size)
    base = C.addressof(C.c_char.from_buffer(memory))
    rows = {name: [base + f.offset + slot * f.stride for slot in range(count)] for name, f in fields.items()}
    arrays = map_arrays(memory, count)
    library = NativeLibrary(Path(config['library']))
    instance = NativeInstance(library, config['games'][first:end], config['options'], 1, rows)
    offsets = config['offsets']
    native = Path(config['states']).read_bytes()
    for index, slot in enumerate(range(first, end)):
        instance.set_state(index, native[offsets[slot] : offsets[slot + 1]])
    draw = np.random.default_rng(config['seed'])
    act, observe = library.functions.libenv_act, library.functions.libenv_observe
    print('ready', flush=True)
    for line in sys.stdin:
        actions = draw.integers(0, NUM_ACTIONS, (int(line), len(config['games'])), dtype=np.int32)[
            :, first:end
        ].copy()
        row, handle = arrays['action'], instance.handle
        started = time.perf_counter()
        for step in actions:
            row[:] = step
            act(handle)
            observe(handle)
        seconds = time.perf_counter() - started
        print(
            json.dumps({'seconds': seconds, 'levels': zlib.crc32(arrays['level_seed'].tobytes())}), flush=True
        )


if __name__ == '__main__':
    main()
