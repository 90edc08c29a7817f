"""Environments: experience behind one pool interface. Needs numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import EnvError
from .pool import Episode, Fault, Pool, Progress, TimeStep, unheard

__all__ = ['EnvError', 'Episode', 'Fault', 'Pool', 'TimeStep', 'open_pool']

KINDS = ('procgen', 'catch', 'recall', 'gymnasium')


def open_pool(spec: Mapping[str, Any], on_progress: Progress = unheard) -> Pool:
    """Opens the pool that `spec` (a `PoolSpec` of the protocol) describes.

    Raises `EnvError` naming every fault of the spec before anything native is called.
    """
    # Each kind is imported when asked for, so that toy games need nothing of ProcGen's platform.
    match spec.get('kind'):
        case 'procgen':
            from .procgen.pool import ProcgenPool

            return ProcgenPool(spec)
        case 'catch':
            from .toy.catch import CatchPool

            return CatchPool(spec)
        case 'recall':
            from .toy.recall import RecallPool

            return RecallPool(spec)
        case 'gymnasium':
            from .gymnasium.pool import GymnasiumPool

            return GymnasiumPool(spec, on_progress)
        case kind:
            raise EnvError(
                'ENV_UNKNOWN_KIND',
                f'pool: kind must be one of {", ".join(KINDS)}, got {kind!r}.',
                'Name one of them.',
            )
