"""Fast-weight recurrences for PyTorch: one function an op, several implementations behind each."""

from .checks import leave_states_unchecked
from .conv2d import Convolution, conv2d, describe_conv2d, explain_conv2d, pools_at_once
from .delta_rule import delta_rule, delta_rule_step_
from .dispatch import explain
from .errors import KernelError
from .max_pool2d import Pooling, explain_max_pool2d, max_pool2d
from .srwm import srwm, srwm_step_

__all__ = [
    'Convolution',
    'KernelError',
    'Pooling',
    'conv2d',
    'delta_rule',
    'delta_rule_step_',
    'describe_conv2d',
    'explain',
    'explain_conv2d',
    'explain_max_pool2d',
    'leave_states_unchecked',
    'max_pool2d',
    'pools_at_once',
    'srwm',
    'srwm_step_',
]
