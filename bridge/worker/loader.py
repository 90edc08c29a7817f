"""Finds the handlers. The wire does not know them: torch is imported only here, after the first greeting."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import REQUESTS

DEFAULT_MODULE = 'srwm.worker.handlers'


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """What a handlers module offers.

    `verbs`: verb to `fn(body, tensors, context) -> (reply body, tensors)`.
    `describe`: the fields of READY that only the engine knows: torch, numpy, threads, devices, ops_hash.
    `close`: gives back what the handlers hold: pools and their host processes.
    `act_lane`: entered around every request of the act lane, on its thread; None where nothing is to do.
    """

    verbs: Mapping[str, Callable[..., tuple[dict[str, Any], list[Any]]]]
    describe: Callable[[], dict[str, Any]]
    close: Callable[[], None]
    act_lane: Callable[[], AbstractContextManager[None]] | None = None


def load_handlers(module_name: str) -> Handlers:
    """Imports a handlers module and calls its `build_handlers()`. Raises WORKER_START for an unknown verb."""
    handlers = importlib.import_module(module_name).build_handlers()
    if not isinstance(handlers, Handlers):
        raise WorkerError(
            'WORKER_START',
            f'{module_name}: build_handlers() must return Handlers, got {type(handlers).__name__}.',
        )
    unknown = sorted(set(handlers.verbs) - set(REQUESTS))
    if unknown:
        raise WorkerError(
            'WORKER_START', f'{module_name}: each handler must serve a known verb, got {unknown}.'
        )
    return handlers
