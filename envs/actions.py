"""Checks the actions that a caller sends to a group of slots."""

from __future__ import annotations

from functools import cache

import numpy as np

from .errors import EnvError


def check_actions(who: str, actions: np.ndarray, count: int, num_actions: int) -> list[int]:
    """`actions` as a list, if it is [count] integers in [0, num_actions); raises ENV_ACTION otherwise."""
    if actions.shape != (count,) or actions.dtype.kind not in 'iu':
        raise EnvError(
            'ENV_ACTION',
            f'{who}: actions must be integers of shape ({count},), got {actions.dtype} {actions.shape}.',
            'Send one action for each slot of the group.',
        )
    values = actions.tolist()
    if not _valid(num_actions).issuperset(values):
        index = next(i for i, value in enumerate(values) if not 0 <= value < num_actions)
        raise EnvError(
            'ENV_ACTION',
            f'{who}: an action must be in [0, {num_actions}), got {values[index]} at index {index}.',
            'Sample actions from a policy with as many actions as the pool.',
        )
    return values


@cache
def _valid(num_actions: int) -> frozenset[int]:
    return frozenset(range(num_actions))
