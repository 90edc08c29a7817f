"""Verbs about graphs and tensors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from srwm.worker.context import Context
from srwm.worker.engine.graphs import first_non_finite, is_finite
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import Session, to_torch, to_wire
from srwm.worker.messages_gen import Configure, Get, LoadGraph, Locate, Put, Release, Run
from srwm.worker.wire import WireTensor

Reply = tuple[dict[str, Any], list[WireTensor]]


class ProgramHandlers:
    """See the class's module."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def configure(self, body: Configure, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Raises WORKER_DEVICE for a device that torch does not have."""
        known = ['cpu', *(f'cuda:{index}' for index in range(torch.cuda.device_count()))]
        if body.device not in known:
            raise WorkerError(
                'WORKER_DEVICE', f'hardware.device: must be one of {known}, got "{body.device}".'
            )
        self._session.store.device = torch.device(body.device)
        if body.tf32 is not None:
            # torch's own choice differs between convolutions and matrix products.
            torch.backends.cuda.matmul.allow_tf32 = body.tf32
            torch.backends.cudnn.allow_tf32 = body.tf32
        return {}, []

    def load_graph(self, body: LoadGraph, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Builds once."""
        started = time.perf_counter()
        store = self._session.store
        cached = store.graphs.load(body.hash, body.graph, store.device)
        kernels = [asdict(use) for use in store.graphs.get(body.hash).kernels]
        return {'cached': cached, 'build_seconds': time.perf_counter() - started, 'kernels': kernels}, []

    def run(self, body: Run, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Without gradients."""
        started = time.perf_counter()
        session = self._session
        graph = session.store.graphs.get(body.graph)
        parameters = {} if body.set is None else session.store.parameters(body.set)
        stored = {handle: graph.output_index(name) for name, handle in body.store.items()}
        fetched = [graph.output_index(name) for name in body.fetch]
        with torch.no_grad():
            results = graph.run(graph.arguments(session.resolve(body.inputs, frames), parameters))
        for handle, index in stored.items():
            session.store.handles[handle] = results[index]
        return {'seconds': time.perf_counter() - started}, [to_wire(results[index]) for index in fetched]

    def locate(self, body: Locate, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Names what went wrong first: a source, a node, or a parameter's gradient."""
        session = self._session
        graph, parameters = session.store.graphs.get(body.graph), session.store.parameters(body.set)
        inputs = session.resolve(body.inputs, frames)
        source, node = first_non_finite(graph, inputs, parameters)
        gradient = None
        if source is None and node is None and body.loss is not None:
            loss = graph.run(graph.arguments(inputs, parameters))[graph.output_index(body.loss)]
            made = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            wrong = (
                name
                for name, value in zip(parameters, made, strict=True)
                if value is not None and not is_finite(value)
            )
            gradient = next(wrong, None)
        return {'source': source, 'node': node, 'gradient': gradient}, []

    def put(self, body: Put, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Frame i becomes handle i."""
        if len(body.handles) != len(frames):
            raise WorkerError(
                'REQUEST_INVALID', f'put: {len(body.handles)} handles need as many frames, got {len(frames)}.'
            )
        store = self._session.store
        for handle, frame in zip(body.handles, frames, strict=True):
            store.handles[handle] = to_torch(frame, store.device)
        return {}, []

    def get(self, body: Get, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Handles, then parameters."""
        store = self._session.store
        tensors = [store.handle(handle) for handle in body.handles]
        if body.parameters:
            parameters = {} if body.set is None else store.parameters(body.set)
            missing = [name for name in body.parameters if name not in parameters]
            if missing:
                raise WorkerError(
                    'HANDLE_UNKNOWN', f'get: parameters must be in set "{body.set}", got {missing}.'
                )
            tensors += [parameters[name] for name in body.parameters]
        return {}, [to_wire(tensor) for tensor in tensors]

    def release(self, body: Release, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Unknown handles are no fault: releasing twice is the same as once."""
        for handle in body.handles:
            self._session.store.handles.pop(handle, None)
        return {}, []
