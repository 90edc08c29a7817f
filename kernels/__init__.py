"""Fast-weight recurrences for PyTorch: one function an op, several implementations behind each."""

from .checks import leave_states_unchecked
from .delta_rule import delta_rule, delta_rule_step_
from .dispatch import explain
from .errors import KernelError
from .srwm import srwm, srwm_step_

__all__ = [
    'KernelError',
    'delta_rule',
    'delta_rule_step_',
    'explain',
    'leave_states_unchecked',
    'srwm',
    'srwm_step_',
]
