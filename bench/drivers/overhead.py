"""`python -m drivers.overhead`: forward and backward of a traced loss and of a hand-written one, in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import torch
from rivals import overhead
from torch import Tensor

from drivers.clock import in_turns
from drivers.serve import serve
from srwm.worker.context import Activity, Context
from srwm.worker.handlers.parameters import ParameterHandlers
from srwm.worker.handlers.programs import ProgramHandlers
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import REQUESTS

Loss = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]


class Bench:
    """One program at a time; the project's side is reached through the worker's own handlers."""

    def open(self, *, program: str, plan: dict[str, Any]) -> dict[str, float]:
        """Makes parameters and data, and compares loss and gradients of both sides."""
        self._session = Session()
        self._programs, self._trained = ProgramHandlers(self._session), ParameterHandlers(self._session)
        for request in plan['prepare']:
            self._call(request['verb'], request['body'])
        self._device = torch.device(plan['device'])
        self._plan, self._loss = plan, getattr(overhead, program)
        mine = self._session.store.parameters(plan['set'])
        self._theirs = {name: value.detach().clone().requires_grad_() for name, value in mine.items()}
        self._data = {name: self._session.store.handle(handle) for name, handle in plan['data'].items()}
        ours = self._accumulate()['values']['loss']
        loss = self._loss(self._theirs, self._data)
        loss.backward()
        gradients = [_difference(mine[name].grad, value.grad) for name, value in self._theirs.items()]
        return {'loss': abs(ours - float(loss)) / abs(float(loss)), 'gradient': max(gradients)}

    def pair(self, *, repeats: int, ours_first: bool) -> dict[str, float]:
        """Seconds of one forward and backward each."""

        def repeated(one: Callable[[], object]) -> Callable[[], None]:
            def many() -> None:
                for _ in range(repeats):
                    one()

            return many

        pair = in_turns(
            repeated(self._accumulate), repeated(self._rival), self._device, ours_first=ours_first
        )
        return {side: seconds / repeats for side, seconds in pair.items()}

    def _accumulate(self) -> dict[str, Any]:
        return self._call('accumulate', self._plan['accumulate'])

    def _rival(self) -> float:
        loss = self._loss(self._theirs, self._data)
        loss.backward()
        return float(loss.detach())

    def _call(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        handlers = self._trained if hasattr(self._trained, verb) else self._programs
        request = msgspec.convert(body, REQUESTS[verb])
        reply, _ = getattr(handlers, verb)(request, [], Context(Activity(), 1, verb, None))
        return reply


def _difference(a: Tensor | None, b: Tensor | None) -> float:
    if a is None or b is None:
        raise ValueError('both sides must have the same gradients')
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-12))


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'pair': bench.pair})
