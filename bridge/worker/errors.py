"""Errors that reach the driver with a code, a sentence and a mend."""

from __future__ import annotations

import traceback

from srwm.worker.messages_gen import REMEDIES, Failure


class WorkerError(Exception):
    """A failure with a code of bridge/protocol/codes.ts; `remedy` None takes the mend of that table."""

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str | None = None,
        *,
        graph: str | None = None,
        node: int | None = None,
        fatal: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = REMEDIES[code] if remedy is None else remedy
        self.graph = graph
        self.node = node
        self.fatal = fatal


class Cancelled(WorkerError):
    """The request was cancelled, or its deadline passed, before it was done."""


def failure_of(error: BaseException) -> Failure:
    """The wire form of an exception; one without code, message and remedy becomes WORKER_INTERNAL."""
    text = ''.join(traceback.format_exception(error))
    code = getattr(error, 'code', None)
    message = getattr(error, 'message', None)
    remedy = getattr(error, 'remedy', None)
    graph = getattr(error, 'graph', None)
    node = getattr(error, 'node', None)
    if isinstance(code, str) and isinstance(message, str) and isinstance(remedy, str):
        return Failure(
            code=code,
            message=message,
            remedy=remedy,
            graph=graph if isinstance(graph, str) else None,
            node=node if isinstance(node, int) else None,
            traceback=text,
            fatal=getattr(error, 'fatal', False) is True,
        )
    code = 'WORKER_MEMORY' if isinstance(error, MemoryError) else 'WORKER_INTERNAL'
    return Failure(
        code=code,
        message=f'worker: the request must succeed, got {type(error).__name__}: {error}.',
        remedy=REMEDIES[code],
        graph=None,
        node=None,
        traceback=text,
        fatal=False,
    )
