"""Checks the actions that a caller sends to a group of slots."""

from __future__ import annotations

import numpy as np

from .errors import EnvError


def check_actions(who: str, actions: np.ndarray, count: int, num_actions: int) -> np.ndarray:
    """`actions` as an array, if it is [count] integers in [0, num_actions); raises ENV_ACTION otherwise."""
    array = np.asarray(actions)
    if array.shape != (count,) or array.dtype.kind not in "iu":
        raise EnvError(
            "ENV_ACTION",
            f"{who}: actions must be integers of shape ({count},), got {array.dtype} {array.shape}.",
            "Send one action for each slot of the group.",
        )
    if array.min() < 0 or array.max() >= num_actions:
        slot = int(np.flatnonzero((array < 0) | (array >= num_actions))[0])
        raise EnvError(
            "ENV_ACTION",
            f"{who}: an action must be in [0, {num_actions}), got {array[slot]} at index {slot}.",
            "Sample actions from a policy with as many actions as the pool.",
        )
    return array
