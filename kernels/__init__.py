"""Fast-weight recurrences for PyTorch: one function an op, several implementations behind each."""

from .dispatch import explain
from .errors import KernelError
from .srwm import srwm

__all__ = ['KernelError', 'explain', 'srwm']
