"""Verbs about parameters and their optimizers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from srwm.worker.context import Context
from srwm.worker.engine.optimizers import Optimizer, Transform
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import (
    Accumulate,
    Apply,
    Assign,
    CreateOptimizer,
    CreateParameters,
    Digest,
)
from srwm.worker.wire import WireTensor

Reply = tuple[dict[str, Any], list[WireTensor]]


class ParameterHandlers:
    """See the class's module."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create_parameters(
        self, body: CreateParameters, frames: Sequence[WireTensor], context: Context
    ) -> Reply:
        """Runs the initialisation graph."""
        store = self._session.store
        graph = store.graphs.get(body.graph)
        with torch.no_grad():
            results = graph.run(graph.arguments(self._session.resolve(body.inputs, frames), {}))
        store.add_set(body.set, dict(zip(graph.output_names, results, strict=True)))
        made = store.parameters(body.set)
        return {
            'parameters': [{'name': n, 'shape': list(p.shape), 'dtype': 'float32'} for n, p in made.items()]
        }, []

    def create_optimizer(
        self, body: CreateOptimizer, frames: Sequence[WireTensor], context: Context
    ) -> Reply:
        """Raises HANDLE_EXISTS."""
        store = self._session.store
        if body.optimizer in store.optimizers:
            raise WorkerError(
                'HANDLE_EXISTS', f'create_optimizer: names must be distinct, got "{body.optimizer}" again.'
            )
        store.optimizers[body.optimizer] = Optimizer(store.parameters(body.set), body.algorithm)
        return {}, []

    def accumulate(self, body: Accumulate, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Forward, backward; the reported outputs are read after the backward pass, in one go."""
        started = time.perf_counter()
        store = self._session.store
        graph, optimizer = store.graphs.get(body.graph), store.optimizer(body.optimizer)
        loss, reported = graph.output_index(body.loss), [graph.output_index(name) for name in body.report]
        kept = {handle: graph.output_index(name) for name, handle in (body.store or {}).items()}
        results = graph.run(graph.arguments(self._session.resolve(body.inputs, frames), optimizer.parameters))
        if not results[loss].requires_grad:
            raise WorkerError(
                'GRAPH_INPUT', f'graph "{graph.spec.name}": output "{body.loss}" must depend on a parameter.'
            )
        context.progress()
        optimizer.accumulate(results[loss])
        store.handles.update({handle: results[i].detach() for handle, i in kept.items()})
        values = {name: float(results[i].detach()) for name, i in zip(body.report, reported, strict=True)}
        return {'values': values, 'seconds': time.perf_counter() - started}, []

    def apply(self, body: Apply, frames: Sequence[WireTensor], context: Context) -> Reply:
        """One optimizer step."""
        started = time.perf_counter()
        optimizer = self._session.store.optimizer(body.optimizer)
        transform = None if body.transform is None else self._transform(body, frames, optimizer)
        norm, finite = optimizer.apply(
            body.expected_version, body.learning_rate, body.max_grad_norm, transform
        )
        seconds = time.perf_counter() - started
        return {'version': optimizer.version, 'grad_norm': norm, 'finite': finite, 'seconds': seconds}, []

    def assign(self, body: Assign, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Every output of the graph is a parameter of `into`."""
        started = time.perf_counter()
        store = self._session.store
        values: Mapping[str, Tensor] = store.parameters(body.set)
        if body.graph is not None:
            graph = store.graphs.get(body.graph)
            inputs = self._session.resolve(body.inputs, frames)
            with torch.no_grad():
                results = graph.run(graph.arguments(inputs, values))
            values = dict(zip(graph.output_names, results, strict=True))
        store.assign(body.into, values, body.version)
        return {'seconds': time.perf_counter() - started}, []

    def _transform(self, body: Apply, frames: Sequence[WireTensor], optimizer: Optimizer) -> Transform:
        """A graph whose inputs `gradient/<parameter>` become its outputs of the same name."""
        graph = self._session.store.graphs.get(str(body.transform))
        extra = self._session.resolve(body.inputs, frames)

        def transform(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
            inputs = {f'gradient/{name}': value for name, value in gradients.items()}
            wanted = {name: value for name, value in inputs.items() if name in graph.input_names}
            with torch.no_grad():
                results = graph.run(graph.arguments({**wanted, **extra}, optimizer.parameters))
            return {n.removeprefix('gradient/'): v for n, v in zip(graph.output_names, results, strict=True)}

        return transform

    def digest(self, body: Digest, frames: Sequence[WireTensor], context: Context) -> Reply:
        """See Store.digest."""
        return {'sha256': self._session.store.digest(body.set)}, []
