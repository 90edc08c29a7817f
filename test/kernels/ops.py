"""The table of ops that one conformance suite runs over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import delta_rule_cases
import srwm_cases
import torch

from srwm.kernels import delta_rule, srwm


class Precision(NamedTuple):
    """The widest dtype of an implementation, and how far from the truth a short case may be in it."""

    dtype: torch.dtype
    tolerance: float


@dataclass(frozen=True, kw_only=True)
class Op:
    """One op: the public function, its cases, and what the suite runs it with.

    `make_case` takes (T, B, H, input size, output size), which is what `shapes` holds. `options` are the options
    that agreement is tested with; `defaults` are those, bptt apart, of every other test. `hostile` are arguments
    of `make_case` that make the recurrence hard, tested with `hostile_options`.
    """

    name: str
    function: Callable
    make_case: Callable
    shapes: list[tuple[int, ...]]
    options: list[dict]
    defaults: dict
    hostile: list[dict]
    hostile_options: dict


# Every tuned size, the padded ones beside them, output size apart from input size.
SHAPES = [
    (0, 2, 1, 16, 16),
    (1, 1, 1, 1, 1),
    (1, 3, 2, 16, 16),
    (2, 3, 1, 3, 3),
    (3, 257, 1, 4, 4),
    (5, 0, 2, 16, 16),
    (17, 2, 2, 8, 8),
    (51, 3, 2, 16, 16),
    (17, 2, 1, 16, 49),
    (63, 1, 1, 20, 7),
    (9, 1, 3, 27, 27),
    (9, 2, 1, 28, 28),
    (65, 1, 2, 32, 32),
    (5, 1, 1, 48, 48),
    (33, 1, 2, 64, 64),
    (3, 1, 1, 128, 128),
    (333, 1, 1, 16, 16),
    (4, 2, 1, 8, 11),
    (3, 2, 1, 32, 32),
    (3, 1, 1, 64, 64),
]

OPS = {
    op.name: op
    for op in (
        Op(
            name='srwm',
            function=srwm,
            make_case=srwm_cases.make_case,
            shapes=SHAPES,
            options=[
                {'input_softmax': True, 'bptt': 'unroll'},
                {'input_softmax': False, 'bptt': 'unroll'},
                {'input_softmax': True, 'bptt': 'step'},
            ],
            defaults={'input_softmax': True},
            hostile_options={'input_softmax': False},
            hostile=[
                {'scale': 6.0},
                {'scale': 12.0},
                {'beta_mean': 20.0},
                {'beta_mean': -20.0},
                {'scale': 3.0, 'beta_mean': 3.0},
            ],
        ),
        Op(
            name='delta_rule',
            function=delta_rule,
            make_case=delta_rule_cases.make_case,
            shapes=SHAPES,
            options=[{'bptt': 'unroll'}, {'bptt': 'step'}],
            defaults={},
            hostile_options={},
            hostile=[
                {'activation': 'unit', 'beta_mean': 20.0},
                {'activation': 'raw', 'scale': 0.5},
                {'activation': 'raw', 'scale': 0.7},
                {'scale': 20.0, 'beta_mean': 20.0},
                {'beta_mean': -20.0},
            ],
        ),
    )
}
