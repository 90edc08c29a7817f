"""Verbs about profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from srwm.worker.context import Context
from srwm.worker.engine.graphs import Graph
from srwm.worker.engine.instrument import instrumented
from srwm.worker.engine.profile import Profile
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import ProfileBegin, ProfileEnd
from srwm.worker.wire import WireTensor

Reply = tuple[dict[str, Any], list[WireTensor]]


class ProfilingHandlers:
    """See the class's module."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._profile: Profile | None = None

    def profile_begin(self, body: ProfileBegin, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Builds every graph once more, with ranges; the graphs of other requests are left alone."""
        if self._profile is not None:
            raise WorkerError(
                'REQUEST_INVALID', 'profile_begin: one profile may run at a time, got a second.'
            )
        context.phase('preparing a profile')
        store = self._session.store
        profile = Profile(store.device)

        def form(graph: Graph) -> Graph:
            context.progress()
            return instrumented(graph, profile.ranges)

        store.graphs.take_form(form)
        profile.start()
        self._profile = profile
        return {}, []

    def profile_end(self, body: ProfileEnd, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises REQUEST_INVALID without a profile, and for a trace that cannot be written."""
        profile = self._profile
        if profile is None:
            raise WorkerError('REQUEST_INVALID', 'profile_end: a profile must have begun, got none.')
        context.phase('reading a profile')
        self._profile = None
        self._session.store.graphs.drop_form()
        try:
            nodes, others = profile.stop(body.trace)
        except OSError as error:
            raise WorkerError(
                'REQUEST_INVALID', f'profile_end: the trace must be a file that can be written, got {error}.'
            ) from error
        return {'nodes': [asdict(one) for one in nodes], 'others': [asdict(one) for one in others]}, []
