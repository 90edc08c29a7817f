"""What an environment did wrong, and the line of its author's file where it did."""

from __future__ import annotations

import traceback
from pathlib import Path
from sysconfig import get_paths


class Misbehaviour(Exception):
    """An environment broke a rule: `code`, and a requirement that ends `slot 3 of CartPole-v1: ...`."""

    def __init__(self, code: str, requirement: str) -> None:
        super().__init__(requirement)
        self.code = code
        self.requirement = requirement


def describe(error: BaseException, call: str) -> Misbehaviour:
    """What to say of an exception that `call` (as `step`) raised; a `Misbehaviour` stays what it is."""
    if isinstance(error, Misbehaviour):
        return error
    said = str(error).strip().split('\n')[0]
    text = f'{type(error).__name__}: {said}' if said else type(error).__name__
    place = _place(error)
    return Misbehaviour('ENV_RAISED', f'{call} raised {text}{f" at {place}" if place else ""}')


def _place(error: BaseException) -> str:
    """`file.py:17 (in step)` of the innermost frame that is neither ours nor a library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}:{error.lineno}'
    frames = traceback.extract_tb(error.__traceback__)
    libraries = tuple(str(Path(path)) for path in {*get_paths().values(), str(Path(__file__).parent)})
    theirs = [f for f in frames if not f.filename.startswith(('<', *libraries))]
    frame = (theirs or [f for f in frames if not f.filename.startswith('<')] or [None])[-1]
    return f'{frame.filename}:{frame.lineno} (in {frame.name})' if frame else ''
