"""The delta rule for fast weights: equations in README.md, the truth in reference.py."""

from .op import delta_rule

__all__ = ['delta_rule']
