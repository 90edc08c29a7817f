"""What the training loops of rivals are given, and what they must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The same sizes, costs and optimizer as the project's own run; `spec` is its pool of environments."""

    spec: dict[str, Any]
    threads: int
    num_envs: int
    unroll_length: int
    batch_size: int
    learning_rate: float
    max_grad_norm: float
    discount: float
    baseline_cost: float
    entropy_cost: float
    sizes: dict[str, Any]
    # Of one algorithm only.
    lambda_: float = 0.0
    clip: float = 0.0
    passes: int = 0
    adam_epsilon: float = 0.0
    alpha: float = 0.0
    epsilon: float = 0.0


class Loop(Protocol):
    """A loop that stands still between two calls."""

    def run(self, updates: int) -> int:
        """Goes on for so many units of learning; returns the env steps that were learnt from."""

    def close(self) -> None:
        """Ends every process and thread of it."""
