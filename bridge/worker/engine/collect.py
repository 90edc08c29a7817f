"""Steps a pool of environments with an act graph and keeps what the request names."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from srwm.worker.engine.graphs import Graph, Value
from srwm.worker.engine.lowering import DTYPES


class StepSource(Protocol):
    """What collecting needs of a pool: arrays of the current time step, and one step at a time."""

    num_envs: int
    observation_shape: tuple[int, ...]
    observation_dtype: str

    def current(self, group: int) -> Any:
        """The time step that awaits an action."""

    def send(self, group: int, actions: np.ndarray) -> None:
        """Starts a step."""

    def receive(self, group: int) -> Any:
        """Waits for the step."""


@dataclass(frozen=True, kw_only=True)
class Carry:
    """One state tensor: graph input, index of the output that replaces it, value before the first step."""

    input: str
    output: int
    initial: Tensor


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one call of `collect` does; every name is checked by the handler before the first step."""

    graph: Graph
    parameters: dict[str, Tensor]
    length: int
    inputs: dict[str, Value]
    per_step: dict[str, Tensor]
    observation: str | None
    reward: str | None
    is_first: str | None
    carry: list[Carry]
    action: int
    record: dict[str, int]
    store_observation: bool
    tick: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Unroll:
    """observation, reward, is_first [T+1, B, ...]; records [T, B, ...] by handle; carries after the last step."""

    observation: Tensor
    reward: Tensor
    is_first: Tensor
    records: dict[str, Tensor]
    carries: list[Tensor]
    act_seconds: float
    env_seconds: float


def collect(plan: Plan, pool: StepSource) -> Unroll:
    """Runs `plan.length` steps of every slot. Group 0 is the whole pool."""
    buffers = _Buffers(plan, pool)
    call = _Caller(plan, buffers)
    act_seconds = env_seconds = 0.0
    buffers.take(0, pool.current(0))
    with torch.inference_mode():
        for t in range(plan.length):
            started = time.perf_counter()
            actions = call(t)
            acted = time.perf_counter()
            pool.send(0, actions)
            step = pool.receive(0)
            buffers.take(t + 1, step)
            act_seconds += acted - started
            env_seconds += time.perf_counter() - acted
            plan.tick()
    # Inference tensors must not reach the learner: what stays is copied outside inference mode.
    carries = [state.clone() for state in call.states]
    return Unroll(
        observation=buffers.observation,
        reward=buffers.reward,
        is_first=buffers.is_first,
        records=buffers.records,
        carries=carries,
        act_seconds=act_seconds,
        env_seconds=env_seconds,
    )


class _Buffers:
    """The tensors of one unroll. Observations that nobody keeps go through one row."""

    def __init__(self, plan: Plan, pool: StepSource) -> None:
        device, batch = plan.graph.device, pool.num_envs
        self._rows = plan.length + 1 if plan.store_observation else 1
        self.observation = torch.empty(
            (self._rows, batch, *pool.observation_shape), dtype=DTYPES[pool.observation_dtype], device=device
        )
        self.reward = torch.empty((plan.length + 1, batch), device=device)
        self.is_first = torch.empty((plan.length + 1, batch), dtype=torch.bool, device=device)
        results = _output_specs(plan.graph)
        self.records: dict[str, Tensor] = {}
        for handle, index in plan.record.items():
            shape, dtype = results[index]
            self.records[handle] = torch.empty((plan.length, *shape[1:]), dtype=dtype, device=device)

    def row(self, t: int) -> int:
        """Where the observation of step t lies."""
        return t if self._rows > 1 else 0

    def take(self, t: int, step: Any) -> None:
        """Copies a time step out of the pool's own memory."""
        self.observation[self.row(t)].copy_(torch.from_numpy(step.observation))
        self.reward[t].copy_(torch.from_numpy(step.reward))
        self.is_first[t].copy_(torch.from_numpy(step.is_first))


class _Caller:
    """Calls the act graph with the arguments of each step; only the changing ones are replaced."""

    def __init__(self, plan: Plan, buffers: _Buffers) -> None:
        self._plan, self._buffers = plan, buffers
        self.states = [carry.initial for carry in plan.carry]
        names = plan.graph.input_names
        feeds: dict[str, Callable[[int], Tensor]] = {
            name: (lambda t, rows=rows: rows[t : t + 1]) for name, rows in plan.per_step.items()
        }
        if plan.observation is not None:
            feeds[plan.observation] = lambda t: buffers.observation[buffers.row(t) : buffers.row(t) + 1]
        if plan.reward is not None:
            feeds[plan.reward] = lambda t: buffers.reward[t : t + 1]
        if plan.is_first is not None:
            feeds[plan.is_first] = lambda t: buffers.is_first[t : t + 1]
        self._feeds = [(names.index(name), feed) for name, feed in feeds.items()]
        self._carries = [names.index(carry.input) for carry in plan.carry]
        first = {name: feed(0) for name, feed in feeds.items()}
        first |= {carry.input: carry.initial for carry in plan.carry}
        self._arguments = plan.graph.arguments({**plan.inputs, **first}, plan.parameters)

    def __call__(self, t: int) -> np.ndarray:
        """Actions [B] int64 of step t."""
        plan, arguments = self._plan, self._arguments
        for position, feed in self._feeds:
            arguments[position] = feed(t)
        for position, state in zip(self._carries, self.states, strict=True):
            arguments[position] = state
        results = plan.graph.run(arguments)
        self.states = [results[carry.output] for carry in plan.carry]
        for handle, index in plan.record.items():
            self._buffers.records[handle][t].copy_(results[index][0])
        return results[plan.action][0].cpu().numpy()


def _output_specs(graph: Graph) -> list[tuple[list[int], torch.dtype]]:
    spec = graph.spec
    values = [*spec.inputs, *spec.parameters, *(result for node in spec.nodes for result in node.results)]
    return [(values[output.value].shape, DTYPES[values[output.value].dtype]) for output in spec.outputs]
