"""The one exception that environments raise."""

from __future__ import annotations


class EnvError(Exception):
    """A fault of an environment: a stable `code`, one sentence that says what is wrong, and its mend."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f'{message} {remedy}')
        self.code = code
        self.message = message
        self.remedy = remedy
