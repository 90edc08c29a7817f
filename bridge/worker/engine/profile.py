"""torch's profiler over a span of requests, folded onto the nodes of graphs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from srwm.worker.engine.ranges import Place, Ranges

BACKWARD = 'autograd::engine::evaluate_function: '


@dataclass(frozen=True, kw_only=True)
class NodeTime:
    """What one node took, without what lies in nodes inside it."""

    graph: str
    path: list[int]
    forward_seconds: float
    backward_seconds: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class OtherTime:
    """Steps of the backward pass that no node made, by torch's name."""

    name: str
    seconds: float
    calls: int


class Profile:
    """Started once, stopped once."""

    def __init__(self, device: torch.device) -> None:
        self.ranges = Ranges()
        # On a GPU a call only starts the work: there the time of its kernels counts.
        self._on_device = device.type == 'cuda'
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self._on_device else [])]
        self._profiler = profile(activities=activities)

    def start(self) -> None:
        """From now on."""
        self._profiler.start()

    def stop(self, trace: str | None) -> tuple[list[NodeTime], list[OtherTime]]:
        """Until now; `trace` receives everything as a file for chrome://tracing and Perfetto."""
        self._profiler.stop()
        if trace is not None:
            # The profiler only logs that a file cannot be written; this raises OSError.
            Path(trace).touch()
            self._profiler.export_chrome_trace(trace)
        return self._fold(self._profiler.events() or [])

    def _fold(self, events: Iterable[Any]) -> tuple[list[NodeTime], list[OtherTime]]:
        forward: defaultdict[Place, float] = defaultdict(float)
        backward: defaultdict[Place, float] = defaultdict(float)
        others: defaultdict[str, float] = defaultdict(float)
        other_calls: Counter[str] = Counter()
        for span in _exclusive(self._spans(events)):
            if span.place is None:
                others[span.name] += span.own
                other_calls[span.name] += 1
            else:
                (backward if span.is_backward else forward)[span.place] += span.own
        nodes = [
            NodeTime(
                graph=place.hash,
                path=list(place.path),
                forward_seconds=forward[place],
                backward_seconds=backward[place],
                calls=self.ranges.calls[place],
            )
            for place in {**forward, **backward}
        ]
        rest = [OtherTime(name=name, seconds=others[name], calls=other_calls[name]) for name in others]
        return nodes, rest

    def _spans(self, events: Iterable[Any]) -> list[_Span]:
        spans = []
        for event in events:
            is_backward = event.name.startswith(BACKWARD)
            place = (
                self.ranges.makers.get(event.sequence_nr)
                if is_backward
                else self.ranges.places.get(event.name)
            )
            if is_backward or place is not None:
                micros = event.device_time_total if self._on_device else event.time_range.elapsed_us()
                spans.append(
                    _Span(
                        thread=event.thread,
                        start=event.time_range.start,
                        end=event.time_range.end,
                        name=event.name.removeprefix(BACKWARD),
                        place=place,
                        is_backward=is_backward,
                        own=micros / 1e6,
                    )
                )
        return spans


@dataclass(kw_only=True)
class _Span:
    thread: int
    start: float
    end: float
    name: str
    place: Place | None
    is_backward: bool
    own: float
    """Seconds; those of spans inside are taken off by `_exclusive`."""


def _exclusive(spans: list[_Span]) -> list[_Span]:
    """Takes from each span what lies in spans inside it; what a backward pass computes again belongs to it."""
    around: list[_Span] = []
    whole = {id(span): span.own for span in spans}
    for span in sorted(spans, key=lambda one: (one.thread, one.start, -one.end)):
        while around and (around[-1].thread != span.thread or around[-1].end < span.end):
            around.pop()
        if around:
            around[-1].own -= whole[id(span)]
            span.is_backward = span.is_backward or around[-1].is_backward
        around.append(span)
    return spans
