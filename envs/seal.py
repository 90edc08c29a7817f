"""Seals a pool's state with what it belongs to and a checksum, and refuses any other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import EnvError

_FRESH = 'Use a checkpoint of this run, or start the run again.'


def _digest(state: Mapping[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        digest.update(f'{name}|{array.dtype.str}|{array.shape}|'.encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8).copy()


def seal(state: Mapping[str, np.ndarray], identity: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """`state` with two more uint8 arrays: `identity` (JSON of what it belongs to) and `checksum` [32]."""
    text = json.dumps(identity, sort_keys=True)
    sealed = {**state, 'identity': np.frombuffer(text.encode(), np.uint8).copy()}
    return {**sealed, 'checksum': _digest(sealed)}


def unseal(
    who: str,
    sealed: Mapping[str, np.ndarray],
    identity: Mapping[str, Any],
    shapes: Mapping[str, tuple[str, tuple[int | None, ...]]],
) -> dict[str, np.ndarray]:
    """The arrays of a sealed state after every check; `shapes` has dtype and shape, None for any size.

    Raises `EnvError` ENV_STATE: native code does not survive a state that is damaged or of another pool.
    """
    state = {name: np.asarray(array) for name, array in sealed.items()}
    expected = {*shapes, 'identity', 'checksum'}
    if state.keys() != expected:
        odd = ', '.join(sorted(state.keys() ^ expected))
        raise EnvError(
            'ENV_STATE', f'{who}: a state has a fixed set of arrays; missing or unknown: {odd}.', _FRESH
        )
    checksum = state.pop('checksum')
    if not np.array_equal(checksum, _digest(state)):
        raise EnvError(
            'ENV_STATE', f'{who}: the state is damaged: its checksum does not fit its content.', _FRESH
        )
    ours = json.loads(json.dumps(identity))
    theirs = json.loads(state.pop('identity').tobytes())
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise EnvError(
                'ENV_STATE',
                f'{who}: a state must come from an equal pool; {name} is {ours.get(name)!r} here, '
                f'got {theirs.get(name)!r} in the state.',
                f'Open the pool with that {name}, or use a state of this one.',
            )
    for name, (dtype, shape) in shapes.items():
        array = state[name]
        fits = len(array.shape) == len(shape) and all(
            b in (None, a) for a, b in zip(array.shape, shape, strict=True)
        )
        if array.dtype != np.dtype(dtype) or not fits:
            raise EnvError(
                'ENV_STATE',
                f'{who}: {name} must be {dtype} {shape}, got {array.dtype} {array.shape}.',
                _FRESH,
            )
    return state
