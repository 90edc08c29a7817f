"""Names for what a graph is doing, as the profiler sees it, and which node made which step of the backward pass."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.profiler import record_function


class Place(NamedTuple):
    """A node: of the graph `hash`, behind the indices of the nodes that hold it, outermost first."""

    hash: str
    path: tuple[int, ...]


class Ranges:
    """Functions that tell the profiler where they belong while they run."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.calls: Counter[Place] = Counter()
        self.makers: dict[int, Place] = {}

    def around(
        self, name: str, place: Place, target: Callable[..., Any], *, counts: bool
    ) -> Callable[..., Any]:
        """`target` inside a range of the profiler. `counts`: one run of the node, not a later part of it."""
        self.places[name] = place
        sequence = torch.autograd._get_sequence_nr

        @functools.wraps(target, assigned=())
        def ranged(*args: Any, **kwargs: Any) -> Any:
            if counts:
                self.calls[place] += 1
            first = sequence()
            try:
                with record_function(name):
                    return target(*args, **kwargs)
            finally:
                # A node inside another one ends first, and keeps what it made.
                for number in range(first, sequence()):
                    self.makers.setdefault(number, place)

        ranged.__name__ = 'ranged'
        return ranged
