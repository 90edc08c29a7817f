"""Verbs that write the session's state to disk and read it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from srwm.worker.context import Context
from srwm.worker.engine.files import read_arrays, read_tensors, write_arrays, write_tensors
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import Session
from srwm.worker.messages_gen import Restore, Save
from srwm.worker.wire import WireTensor

Reply = tuple[dict[str, Any], list[WireTensor]]


class PersistenceHandlers:
    """One safetensors file for each set, optimizer and pool, and one for all handles."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def save(self, body: Save, frames: Sequence[WireTensor], context: Context) -> Reply:
        """TypeScript made the folder, and moves it into place once this has returned."""
        store = self._session.store
        files = []
        for name in body.sets:
            files.append(write_tensors(body.folder, f'parameters-{name}', store.parameters(name), {}))
        for name in body.optimizers:
            optimizer = store.optimizer(name)
            metadata = {'version': str(optimizer.version)}
            files.append(write_tensors(body.folder, f'optimizer-{name}', optimizer.state(), metadata))
        if body.handles:
            files.append(
                write_tensors(body.folder, 'handles', {h: store.handle(h) for h in body.handles}, {})
            )
        for name in body.pools:
            files.append(write_arrays(body.folder, f'pool-{name}', self._session.pool(name).get_state()))
            context.progress()
        return {'files': files}, []

    def restore(self, body: Restore, frames: Sequence[WireTensor], context: Context) -> Reply:
        """Objects must have been created as in the run that saved them."""
        store = self._session.store
        for name in body.sets:
            self._restore_set(body.folder, name)
        for name in body.optimizers:
            state, metadata = read_tensors(body.folder, f'optimizer-{name}', store.device)
            store.optimizer(name).set_state(state, int(metadata['version']))
        if body.handles:
            saved, _ = read_tensors(body.folder, 'handles', store.device)
            missing = [handle for handle in body.handles if handle not in saved]
            if missing:
                raise WorkerError(
                    'RUN_CHECKPOINT', f'restore: "{body.folder}" must hold the tensors {missing}.'
                )
            store.handles.update({handle: saved[handle] for handle in body.handles})
        for name in body.pools:
            pool = self._session.pool(name)
            pool.on_progress = context.progress
            pool.set_state(read_arrays(body.folder, f'pool-{name}'))
        return {}, []

    def _restore_set(self, folder: str, name: str) -> None:
        parameters = self._session.store.parameters(name)
        saved, _ = read_tensors(folder, f'parameters-{name}', self._session.store.device)
        wanted = {key: list(value.shape) for key, value in parameters.items()}
        found = {key: list(value.shape) for key, value in saved.items()}
        if wanted != found:
            differing = sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
            raise WorkerError(
                'RUN_CHECKPOINT',
                f'restore: the checkpoint must hold the parameters of this model, got others: {differing}.',
            )
        with torch.no_grad():
            for key, value in parameters.items():
                value.copy_(saved[key])
