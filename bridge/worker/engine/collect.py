"""Steps a pool of environments with an act graph and keeps what the request names."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from srwm.worker.engine.calls import DTYPES
from srwm.worker.engine.graphs import Graph, Value
from srwm.worker.engine.time_steps import TimeSteps


class StepSource(Protocol):
    """What collecting needs of a pool: arrays of the current time step, and one step at a time."""

    num_envs: int
    observation_shape: tuple[int, ...]
    observation_dtype: str
    observations: np.ndarray
    """Where every time step's observation lies."""

    def current(self, group: int) -> Any:
        """The time step that awaits an action."""

    def observation_rows(self, count: int) -> np.ndarray | None:
        """Memory that the pool itself writes observations to, if it has any."""

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        """Starts a step, whose observations also go to a row of `observation_rows`."""

    def receive(self, group: int) -> Any:
        """Waits for the step."""

    def levels(self) -> np.ndarray:
        """The level that each slot is in, [num_envs] int64."""
        ...


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
    level: str | None
    carry: list[Carry]
    action: int
    record: dict[str, int]
    store_observation: bool
    final: tuple[str, int] | None
    """Handle, and index of the output [1, B] that is kept of the final observations of truncated episodes."""
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
    steps = TimeSteps(pool, plan.length + 1, plan.graph.device, one_row=not plan.store_observation)
    call = _Caller(plan, steps, pool)
    everyone = slice(0, pool.num_envs)
    act_seconds = env_seconds = 0.0
    steps.take(0, pool.current(0), everyone, written=False)
    with torch.inference_mode():
        for t in range(plan.length):
            started = time.perf_counter()
            actions = call(t)
            acted = time.perf_counter()
            row = steps.row_to_write(t + 1)
            pool.send(0, actions, row)
            received = pool.receive(0)
            steps.take(t + 1, received, everyone, written=row is not None)
            if plan.final is not None and received.is_truncated.any():
                call.see_final(t, received, plan.final)
            act_seconds += acted - started
            env_seconds += time.perf_counter() - acted
            plan.tick()
    # Inference tensors must not reach the learner: what stays is copied outside inference mode.
    carries = call.last_states()
    return Unroll(
        observation=steps.observation,
        reward=steps.reward,
        is_first=steps.is_first,
        records=call.records,
        carries=carries,
        act_seconds=act_seconds,
        env_seconds=env_seconds,
    )


class _Caller:
    """Calls the act graph with the arguments of each step; only the changing ones are replaced."""

    def __init__(self, plan: Plan, steps: TimeSteps, pool: StepSource) -> None:
        self._plan = plan
        # The act graph writes these states in place, so it gets one copy an unroll: the learner needs the original.
        wanted = {(carry.input, carry.output) for carry in plan.carry}
        in_place = [(plan.graph.input_names[one.input], one.output) for one in plan.graph.in_place]
        self._act = wanted.issuperset(in_place)
        written = {name for name, _ in in_place} if self._act else set()
        self._written = [carry.input in written for carry in plan.carry]
        self.states = [
            carry.initial.clone() if own else carry.initial
            for carry, own in zip(plan.carry, self._written, strict=True)
        ]
        names = plan.graph.input_names
        feeds: dict[str, Callable[[int], Tensor]] = {
            name: (lambda t, rows=rows: rows[t : t + 1]) for name, rows in plan.per_step.items()
        }
        if plan.observation is not None:
            feeds[plan.observation] = lambda t: steps.observation[steps.row(t) : steps.row(t) + 1]
        if plan.reward is not None:
            feeds[plan.reward] = lambda t: steps.reward[t : t + 1]
        if plan.is_first is not None:
            feeds[plan.is_first] = lambda t: steps.is_first[t : t + 1]
        if plan.level is not None:
            device = plan.graph.device
            feeds[plan.level] = lambda t: torch.from_numpy(pool.levels())[None].to(device)
        self._feeds = [(names.index(name), feed) for name, feed in feeds.items()]
        self._carries = [names.index(carry.input) for carry in plan.carry]
        first = {name: feed(0) for name, feed in feeds.items()}
        first |= {carry.input: state for carry, state in zip(plan.carry, self.states, strict=True)}
        self._arguments = plan.graph.arguments({**plan.inputs, **first}, plan.parameters)
        results = _output_specs(plan.graph)
        self.records: dict[str, Tensor] = {}
        for handle, index in plan.record.items():
            shape, dtype = results[index]
            self.records[handle] = torch.empty(
                (plan.length, *shape[1:]), dtype=dtype, device=plan.graph.device
            )
        if plan.final is not None:
            handle, index = plan.final
            shape, dtype = results[index]
            self.records[handle] = torch.zeros(
                (plan.length, *shape[1:]), dtype=dtype, device=plan.graph.device
            )

    def see_final(self, t: int, step: Any, final: tuple[str, int]) -> None:
        """Records what the graph says where step t was an episode's last because of a limit; changes no state."""
        plan, names = self._plan, self._plan.graph.input_names
        device = plan.graph.device
        arguments = list(self._arguments)
        seen = {
            plan.observation: torch.from_numpy(step.final_observation)[None].to(device),
            plan.reward: torch.from_numpy(step.reward)[None].to(device),
            # The episode had not ended yet when this was shown.
            plan.is_first: torch.zeros((1, len(step.is_first)), dtype=torch.bool, device=device),
        }
        for name, value in seen.items():
            if name is not None:
                arguments[names.index(name)] = value
        for position, state in zip(self._carries, self.states, strict=True):
            arguments[position] = state
        handle, index = final
        said = plan.graph.run(arguments, act=False)[index][0]
        truncated = torch.from_numpy(step.is_truncated).to(device)
        self.records[handle][t].copy_(torch.where(truncated, said, torch.zeros_like(said)))

    def last_states(self) -> list[Tensor]:
        """The states after the last step, in memory that nothing else writes."""
        return [
            state if own else state.clone() for state, own in zip(self.states, self._written, strict=True)
        ]

    def __call__(self, t: int) -> np.ndarray:
        """Actions [B] int64 of step t."""
        plan, arguments = self._plan, self._arguments
        for position, feed in self._feeds:
            arguments[position] = feed(t)
        for position, state in zip(self._carries, self.states, strict=True):
            arguments[position] = state
        results = plan.graph.run(arguments, act=self._act)
        self.states = [results[carry.output] for carry in plan.carry]
        for handle, index in plan.record.items():
            self.records[handle][t].copy_(results[index][0])
        return results[plan.action][0].cpu().numpy()


def _output_specs(graph: Graph) -> list[tuple[list[int], torch.dtype]]:
    spec = graph.spec
    values = [*spec.inputs, *spec.parameters, *(result for node in spec.nodes for result in node.results)]
    return [(values[output.value].shape, DTYPES[values[output.value].dtype]) for output in spec.outputs]
