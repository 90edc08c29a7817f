"""The self-referential weight matrix: equations in README.md, the truth in reference.py."""

from .op import srwm

__all__ = ['srwm']
