"""Fast-weight recurrences for PyTorch: one function an op, one reference and faster implementations behind each."""

from .dispatch import explain
from .errors import KernelError
from .srwm import srwm

__all__ = ['KernelError', 'explain', 'srwm']
