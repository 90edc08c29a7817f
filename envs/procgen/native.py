"""ctypes binding of ProcGen's native library: it steps environments straight into given memory.

Nothing here checks options: the library exits or aborts on a bad one, so `options.parse_spec` comes first.
"""

from __future__ import annotations

import ctypes as C
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from .catalog import NUM_ACTIONS, OBSERVATION_SHAPE

_OBSERVATION_SPACE, _ACTION_SPACE, _INFO_SPACE = 1, 2, 3
_UINT8, _INT32 = 1, 2
_MAX_STATE_BYTES = 2**20
_EXPECTED = {
    _OBSERVATION_SPACE: {'rgb': (_UINT8, OBSERVATION_SHAPE)},
    _ACTION_SPACE: {'action': (_INT32, ())},
    _INFO_SPACE: {
        'prev_level_seed': (_INT32, ()),
        'prev_level_complete': (_UINT8, ()),
        'level_seed': (_INT32, ()),
    },
}


class _Value(C.Union):
    _fields_ = (('uint8', C.c_uint8), ('int32', C.c_int32), ('float32', C.c_float))


class _TensorType(C.Structure):
    _fields_ = (
        ('name', C.c_char * 128),
        ('scalar_type', C.c_int),
        ('dtype', C.c_int),
        ('shape', C.c_int * 16),
        ('ndim', C.c_int),
        ('low', _Value),
        ('high', _Value),
    )


class _Option(C.Structure):
    _fields_ = (('name', C.c_char * 128), ('dtype', C.c_int), ('count', C.c_int), ('data', C.c_void_p))


class _Options(C.Structure):
    _fields_ = (('items', C.POINTER(_Option)), ('count', C.c_int))


class _Buffers(C.Structure):
    _fields_ = (
        ('observation', C.POINTER(C.c_void_p)),
        ('reward', C.c_void_p),
        ('is_first', C.c_void_p),
        ('info', C.POINTER(C.c_void_p)),
        ('action', C.POINTER(C.c_void_p)),
    )


class NativeLibrary:
    """The loaded library; making the first slot of a process also loads 340 MB of images."""

    def __init__(self, data: Path) -> None:
        """`data` is the unpacked `procgen/data` folder. Raises OSError where the library cannot be loaded."""
        load_glib(data)
        self.assets = os.fsencode(data / 'assets') + b'/'
        # PyDLL keeps the GIL, which a single-threaded host has no use for dropping. RTLD_DEEPBIND keeps the
        # library's static Qt apart from any other Qt.
        lib = C.PyDLL(
            str(data / 'prebuilt' / 'libenv.so'), mode=os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND
        )
        pointer = C.c_void_p
        lib.libenv_make.argtypes, lib.libenv_make.restype = [C.c_int, _Options], pointer
        lib.libenv_get_tensortypes.argtypes = [pointer, C.c_int, pointer]
        lib.libenv_get_tensortypes.restype = C.c_int
        lib.libenv_set_buffers.argtypes, lib.libenv_set_buffers.restype = [pointer, C.POINTER(_Buffers)], None
        for name in ('libenv_act', 'libenv_observe', 'libenv_close'):
            function = getattr(lib, name)
            function.argtypes, function.restype = [pointer], None
        lib.get_state.argtypes, lib.get_state.restype = [pointer, C.c_int, pointer, C.c_int], C.c_int
        lib.set_state.argtypes, lib.set_state.restype = [pointer, C.c_int, pointer, C.c_int], None
        self.functions = lib
        self.state_buffer = C.create_string_buffer(_MAX_STATE_BYTES)


def load_glib(data: Path) -> None:
    """Loads the stubs that set-up built beside `data`, if it built any; they must come before the library."""
    for name in ('libglib-2.0.so.0', 'libgthread-2.0.so.0'):
        stub = data.parent / 'stubs' / name
        if stub.exists():
            C.CDLL(str(stub), mode=os.RTLD_NOW | os.RTLD_GLOBAL)


class NativeInstance:
    """`len(games)` environments: the library's `libenv_act` on `handle` steps all and writes their rows."""

    def __init__(
        self,
        library: NativeLibrary,
        games: Sequence[str],
        options: Mapping[str, int | bool],
        rand_seed: int,
        rows: Mapping[str, Sequence[int]],
        *,
        num_threads: int = 0,
    ) -> None:
        """`rows` has the addresses of each field of the layout; rewards and `is_first` are contiguous.

        Without threads of the library's own, `libenv_act` has stepped all when it returns; with them it has only begun.
        """
        self._library = library
        self._count = len(games)
        values: dict[str, bytes | int | bool] = {
            **options,
            'rand_seed': rand_seed,
            'env_name': ','.join(games).encode(),
            'resource_root': library.assets,
            'num_actions': NUM_ACTIONS,
            'num_threads': num_threads,
            'debug_mode': 0,
            'render_human': False,
        }
        items = (_Option * len(values))()
        keep: list[object] = [items]
        for item, (name, value) in zip(items, values.items(), strict=True):
            match value:
                case bool():
                    data, item.dtype, item.count = C.c_uint8(value), _UINT8, 1
                case int():
                    data, item.dtype, item.count = C.c_int32(value), _INT32, 1
                case bytes():
                    data, item.dtype, item.count = C.create_string_buffer(value), _UINT8, len(value)
            item.name, item.data = name.encode(), C.addressof(data)
            keep.append(data)
        self.handle = C.c_void_p(library.functions.libenv_make(self._count, _Options(items, len(values))))
        observation = self._pointers(_OBSERVATION_SPACE, {'rgb': rows['observation']})
        action = self._pointers(_ACTION_SPACE, rows)
        info = self._pointers(_INFO_SPACE, rows)
        buffers = _Buffers(observation, rows['reward'][0], rows['is_first'][0], info, action)
        # The library keeps these pointers for life, copies none of the structures, and may be told once.
        self._keep = (keep, observation, action, info, buffers)
        library.functions.libenv_set_buffers(self.handle, C.byref(buffers))
        library.functions.libenv_observe(self.handle)

    def _pointers(self, space: int, rows: Mapping[str, Sequence[int]]) -> C.Array[C.c_void_p]:
        get_types = self._library.functions.libenv_get_tensortypes
        types = (_TensorType * get_types(self.handle, space, None))()
        get_types(self.handle, space, C.addressof(types))
        found = {t.name.decode(): (t.dtype, tuple(t.shape[: t.ndim])) for t in types}
        if found != _EXPECTED[space]:
            raise RuntimeError(f"the native library's space {space} is {found}, not {_EXPECTED[space]}")
        addresses = [address for t in types for address in rows[t.name.decode()]]
        return (C.c_void_p * len(addresses))(*addresses)

    def get_state(self, index: int) -> bytes:
        """The whole native state of an environment, pixels excepted."""
        buffer = self._library.state_buffer
        size = self._library.functions.get_state(self.handle, index, C.addressof(buffer), len(buffer))
        return C.string_at(buffer, size)

    def set_state(self, index: int, state: bytes) -> None:
        """Takes over a state of the same game; any other ends the process."""
        self._library.functions.set_state(self.handle, index, C.c_char_p(state), len(state))

    def close(self) -> None:
        """Frees the native instance."""
        self._library.functions.libenv_close(self.handle)
