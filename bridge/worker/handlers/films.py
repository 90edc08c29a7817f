"""Verbs that make films of frames that the worker holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srwm.worker.context import Context
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import FilmFrames, FilmWrite
from srwm.worker.wire import WireTensor

if TYPE_CHECKING:
    from srwm.worker.engine.films import Films

Reply = tuple[dict[str, Any], list[WireTensor]]


class FilmHandlers:
    """Films that are being made."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: Films | None = None

    @property
    def _films(self) -> Films:
        """Imported with the first film: training starts without the picture library."""
        from srwm.worker.engine.films import Films

        self._made = self._made or Films()
        return self._made

    def film_frames(self, body: FilmFrames, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises HANDLE_UNKNOWN, REQUEST_INVALID, RECORD_IMAGES."""
        source = self._session.store.handle(body.handle)
        if source.dim() < 2:
            raise WorkerError(
                'REQUEST_INVALID',
                f'film_frames: the handle must have time and batch, got {list(source.shape)}.',
            )
        for take in body.takes:
            if take.frames > source.shape[0] or take.column >= source.shape[1]:
                raise WorkerError(
                    'REQUEST_INVALID',
                    f'film_frames: {take.frames} frames of column {take.column} must lie in {list(source.shape[:2])}.',
                )
            self._films.append(take.film, source[: take.frames, take.column])
        return {}, []

    def film_write(self, body: FilmWrite, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises HANDLE_UNKNOWN, RECORD_WRITE."""
        context.phase('writing a film')
        count, size = self._films.write(
            body.film,
            Path(body.file),
            frame_milliseconds=body.frame_milliseconds,
            scale=body.scale,
            text=body.text,
        )
        return {'frames': count, 'bytes': size}, []
