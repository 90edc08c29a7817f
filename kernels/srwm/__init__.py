"""The self-referential weight matrix: equations in README.md, the truth in reference.py."""

from .op import srwm
from .step import srwm_step_

__all__ = ['srwm', 'srwm_step_']
