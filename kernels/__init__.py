"""Fast-weight recurrences for PyTorch: one function an op, several implementations behind each."""

from .delta_rule import delta_rule, delta_rule_step_
from .dispatch import explain
from .errors import KernelError
from .srwm import srwm, srwm_step_

__all__ = ['KernelError', 'delta_rule', 'delta_rule_step_', 'explain', 'srwm', 'srwm_step_']
