"""Verbs about pools of environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from torch import Tensor

from srwm import envs
from srwm.worker.context import Context
from srwm.worker.engine.collect import Carry, Plan, Unroll, collect
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import ClosePool, Collect, OpenPool, QueueLevels
from srwm.worker.wire import WireTensor

Reply = tuple[dict[str, Any], list[WireTensor]]


class UnrollHandlers:
    """See the class's module."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open_pool(self, body: OpenPool, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises HANDLE_EXISTS, and what the environments say of a bad spec."""
        pools = self._session.pools
        if body.pool in pools:
            raise WorkerError('HANDLE_EXISTS', f'open_pool: names must be distinct, got "{body.pool}" again.')
        context.phase('opening environments')
        pool = envs.open_pool(msgspec.to_builtins(body.spec), context.progress)
        pools[body.pool] = pool
        return {
            'num_envs': pool.num_envs,
            'observation_shape': list(pool.observation_shape),
            'observation_dtype': pool.observation_dtype,
            'num_actions': pool.num_actions,
            'truncates': pool.truncates,
            'games': list(pool.games),
        }, []

    def close_pool(self, body: ClosePool, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises HANDLE_UNKNOWN."""
        self._session.pool(body.pool).close()
        del self._session.pools[body.pool]
        return {}, []

    def queue_levels(self, body: QueueLevels, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises HANDLE_UNKNOWN, and what the environments say of levels that they cannot play."""
        pool = self._session.pool(body.pool)
        context.phase('queueing levels')
        pool.queue_levels([msgspec.to_builtins(order) for order in body.slots])
        return {}, []

    def collect(self, body: Collect, frames: Sequence[WireTensor], context: Context) -> Reply:
        """One unroll."""
        pool = self._session.pool(body.pool)
        if pool.num_groups != 1:
            raise WorkerError(
                'REQUEST_INVALID', f'collect: the pool must have one group, got {pool.num_groups}.'
            )
        if body.version is not None:
            self._session.store.expect_version(body.set, body.version)
        context.phase('collecting')
        pool.on_progress = context.progress
        plan = self._plan(body, frames, context)
        unroll = collect(plan, pool)
        self._keep(body, plan, unroll)
        return {
            'episodes': [asdict(episode) for episode in pool.episodes()],
            'faults': [asdict(fault) for fault in pool.faults()],
            'act_seconds': unroll.act_seconds,
            'env_seconds': unroll.env_seconds,
        }, []

    def _plan(self, body: Collect, frames: Sequence[WireTensor], context: Context) -> Plan:
        session = self._session
        store = session.store
        graph = store.graphs.get(body.graph)
        per_step = session.resolve(body.per_step, frames)
        for name, value in per_step.items():
            if not isinstance(value, Tensor) or value.dim() == 0 or value.shape[0] != body.length:
                raise WorkerError('GRAPH_INPUT', f'collect: per_step "{name}" must have {body.length} rows.')
        if len(body.initial) != len(body.carry):
            raise WorkerError(
                'REQUEST_INVALID',
                f'collect: initial must name {len(body.carry)} handles, got {len(body.initial)}.',
            )

        def tick() -> None:
            context.progress()
            context.check()

        return Plan(
            graph=graph,
            parameters=store.parameters(body.set),
            length=body.length,
            inputs=session.resolve(body.inputs, frames),
            per_step={name: value for name, value in per_step.items() if isinstance(value, Tensor)},
            observation=body.feed.observation,
            reward=body.feed.reward,
            is_first=body.feed.is_first,
            level=body.feed.level,
            carry=[
                Carry(input=c.input, output=graph.output_index(c.output), initial=store.handle(c.handle))
                for c in body.carry
            ],
            action=graph.output_index(body.action),
            record={handle: graph.output_index(name) for name, handle in body.record.items()},
            store_observation=body.store.observation is not None,
            final=None if body.final is None else (body.final.handle, graph.output_index(body.final.output)),
            tick=tick,
        )

    def _keep(self, body: Collect, plan: Plan, unroll: Unroll) -> None:
        handles = self._session.store.handles
        for initial, carry in zip(body.initial, plan.carry, strict=True):
            handles[initial] = carry.initial
        for carried, state in zip(body.carry, unroll.carries, strict=True):
            handles[carried.handle] = state
        handles.update(unroll.records)
        for handle, value in (
            (body.store.observation, unroll.observation),
            (body.store.reward, unroll.reward),
            (body.store.is_first, unroll.is_first),
        ):
            if handle is not None:
                handles[handle] = value
