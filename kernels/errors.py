"""The one exception of `srwm.kernels`."""

from __future__ import annotations


class KernelError(Exception):
    """A call that no kernel can serve: a stable `code`, a `message` and, where there is one, a `remedy`."""

    def __init__(self, code: str, message: str, remedy: str = '') -> None:
        super().__init__(f'{code}  {message} {remedy}'.rstrip())
        self.code = code
        self.message = message
        self.remedy = remedy
