"""The delta rule for fast weights: equations in README.md, the truth in reference.py."""

from .op import delta_rule
from .step import delta_rule_step_

__all__ = ['delta_rule', 'delta_rule_step_']
