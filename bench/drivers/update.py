"""`python -m drivers.update`: the traced update and the hand-written one on the same parameters and data, in turns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from rivals.update import Costs, Network, Sizes, Update
from torch import Tensor

from drivers.clock import in_turns, seconds_of
from drivers.serve import serve
from srwm.worker.context import Activity, Context
from srwm.worker.handlers.parameters import ParameterHandlers
from srwm.worker.handlers.programs import ProgramHandlers
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import REQUESTS
from srwm.worker.wire import WireTensor

PREFIX = 'unroll/'


class Bench:
    """Holds both sides; the project's one is reached through the worker's own handlers."""

    def __init__(self) -> None:
        self._session = Session()
        self._programs, self._trained = ProgramHandlers(self._session), ParameterHandlers(self._session)
        self._version = 0

    def open(self, *, plan: str) -> dict[str, Any]:
        """Reads a plan (JSON file of TypeScript), makes parameters and data, and builds the rival on copies of them."""
        self._plan: dict[str, Any] = msgspec.json.decode(Path(plan).read_bytes())
        for request in self._plan['prepare']:
            self._call(request['verb'], request['body'])
        self._device = torch.device(self._plan['device'])
        rival = self._plan['rival']
        network = Network(Sizes(**{**rival['sizes'], 'channels': tuple(rival['sizes']['channels'])}))
        network.to(self._device)
        self._theirs = network.load(self._parameters())
        self._rival = Update(network, Costs(**rival['costs']), **rival['optimizer'])
        self._unroll = {name: self._handle(f'{PREFIX}{name}') for name in rival['unroll']}
        self._state = [self._handle(handle) for handle in rival['state']]
        columns = self._plan['columns']
        self._columns = None if columns is None else torch.tensor(columns, device=self._device)
        return {
            'threads': torch.get_num_threads(),
            'parameters': sum(p.numel() for p in network.parameters()),
        }

    def compare(self) -> dict[str, float]:
        """Largest differences of loss, gradients and parameters after one step, relative to the largest of each."""
        ours = self._accumulate()['values']['loss']
        gradients = {name: p.grad for name, p in self._parameters().items() if p.grad is not None}
        loss = self._rival.loss(self._unroll, self._state, self._columns)
        loss.backward()
        rival = {name: p.grad for name, p in self._theirs.items() if p.grad is not None}
        if set(gradients) != set(rival):
            raise ValueError(f'gradients of {sorted(set(gradients) ^ set(rival))} exist on one side only')
        found = {
            'loss': abs(ours - float(loss)) / abs(float(loss)),
            'gradient': max(_difference(gradients[name], rival[name]) for name in rival),
        }
        self._apply()
        self._rival.optimizer.zero_grad(set_to_none=True)
        self._rival(self._unroll, self._state, self._columns, self._plan['learning_rate'])
        mine = self._parameters()
        return {
            **found,
            'parameter': max(_difference(mine[name], value) for name, value in self._theirs.items()),
        }

    def pair(self, *, ours_first: bool) -> dict[str, float]:
        """Seconds of one update each."""
        return in_turns(self._ours, self._learn, self._device, ours_first=ours_first)

    def ours(self) -> float:
        """Seconds of one update of the traced program."""
        return seconds_of(self._ours, self._device)

    def bare(self, *, act_steps: int) -> dict[str, float]:
        """Seconds of the hand-written network: one act step over all slots (mean of several), one update."""
        frames, reward, first = (self._unroll[name] for name in ('observation', 'reward', 'is_first'))

        def act() -> None:
            state = self._state
            with torch.inference_mode():
                for t in range(act_steps):
                    row = slice(t % len(frames), t % len(frames) + 1)
                    logits, _, state = self._rival.network(frames[row], reward[row], first[row], state)
                    logits.softmax(-1).flatten(0, 1).multinomial(1).cpu()

        return {
            'act': seconds_of(act, self._device) / act_steps,
            'learn': seconds_of(self._learn, self._device),
        }

    def _learn(self) -> None:
        self._rival(self._unroll, self._state, self._columns, self._plan['learning_rate'])

    def _ours(self) -> None:
        self._accumulate()
        self._apply()

    def _accumulate(self) -> dict[str, Any]:
        return self._call('accumulate', self._plan['accumulate'], self._plan['columns'])

    def _apply(self) -> None:
        self._call('apply', {**self._plan['apply'], 'expected_version': self._version})
        self._version += 1

    def _call(self, verb: str, body: Mapping[str, Any], columns: list[int] | None = None) -> dict[str, Any]:
        frames = [] if columns is None else [_wire(columns)]
        handlers = self._trained if hasattr(self._trained, verb) else self._programs
        request = msgspec.convert(body, REQUESTS[verb])
        reply, _ = getattr(handlers, verb)(request, frames, Context(Activity(), 1, verb, None))
        return reply

    def _parameters(self) -> dict[str, Tensor]:
        return self._session.store.parameters(self._plan['set'])

    def _handle(self, name: str) -> Tensor:
        return self._session.store.handle(name)


def _difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-12))


def _wire(columns: list[int]) -> WireTensor:
    data = b''.join(column.to_bytes(8, 'little') for column in columns)
    return WireTensor(dtype='int64', shape=(len(columns),), data=data)


if __name__ == '__main__':
    bench = Bench()
    serve({name: getattr(bench, name) for name in ('open', 'compare', 'pair', 'ours', 'bare')})
