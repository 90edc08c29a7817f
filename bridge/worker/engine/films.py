"""Films: frames in memory, written as animated PNG."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from torch import Tensor, uint8

from srwm.worker.errors import WorkerError

# By channels; grey pictures have no dimension for them, or one of size 1.
MODES = {1: 'L', 3: 'RGB', 4: 'RGBA'}


class Films:
    """Frames by the name of their film; a film keeps 12 KB for each frame of 64 x 64 in colour."""

    def __init__(self) -> None:
        self._frames: dict[str, list[np.ndarray]] = {}

    def append(self, film: str, frames: Tensor) -> None:
        """Frames [T, height, width] or [T, height, width, channels] uint8. Raises RECORD_IMAGES."""
        shape = list(frames.shape[1:])
        channels = shape[2] if len(shape) == 3 else 1
        if frames.dtype != uint8 or len(shape) not in (2, 3) or channels not in MODES:
            dtype = str(frames.dtype).removeprefix('torch.')
            raise WorkerError(
                'RECORD_IMAGES',
                'record: observations must be images, uint8 [height, width] or [height, width, 1, 3 or 4], '
                f'got {dtype} {shape}.',
            )
        self._frames.setdefault(film, []).append(frames.cpu().numpy().copy())

    def write(
        self, film: str, path: Path, *, frame_milliseconds: int, scale: int, text: Mapping[str, str]
    ) -> tuple[int, int]:
        """Frames and bytes of the file. Raises HANDLE_UNKNOWN, RECORD_WRITE."""
        parts = self._frames.pop(film, None)
        if parts is None:
            raise WorkerError('HANDLE_UNKNOWN', f'store: a film of this name must exist, got "{film}".')
        first, rest = _Pictures(parts, scale, 0, 1), _Pictures(parts, scale, 1, None)
        notes = PngImagePlugin.PngInfo()
        for keyword, value in text.items():
            notes.add_itxt(keyword, value)
        unfinished = path.with_name(f'.{path.name}.unfinished')
        try:
            with unfinished.open('wb') as file:
                next(iter(first)).save(
                    file,
                    format='PNG',
                    save_all=True,
                    append_images=rest,
                    duration=frame_milliseconds,
                    pnginfo=notes,
                )
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise WorkerError(
                'RECORD_WRITE', f'record: "{path}" must be a file that can be written, got {error.strerror}.'
            ) from error
        return sum(len(part) for part in parts), path.stat().st_size


class _Pictures:
    """Made anew by each walk over them: the library walks twice, and a scaled film as a whole would take gigabytes."""

    def __init__(self, parts: list[np.ndarray], scale: int, start: int, stop: int | None) -> None:
        self._parts = parts
        self._scale = scale
        self._span = (start, stop)

    def __iter__(self) -> Iterator[Image.Image]:
        frames = (frame for part in self._parts for frame in part)
        for frame in islice(frames, *self._span):
            picture = Image.fromarray(frame[..., 0] if frame.shape[2:] == (1,) else frame)
            size = (picture.width * self._scale, picture.height * self._scale)
            yield picture if self._scale == 1 else picture.resize(size, Image.Resampling.NEAREST)
