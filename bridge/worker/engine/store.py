"""Everything the worker keeps between requests, by the names that TypeScript gave."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from srwm.worker.engine.graphs import Graphs
from srwm.worker.engine.optimizers import Optimizer
from srwm.worker.errors import WorkerError

T = TypeVar('T')


class Store:
    """Graphs, parameter sets, optimizers and tensors of one session."""

    def __init__(self) -> None:
        self.device = torch.device('cpu')
        self.graphs = Graphs()
        self.sets: dict[str, dict[str, Tensor]] = {}
        self.optimizers: dict[str, Optimizer] = {}
        self.handles: dict[str, Tensor] = {}
        self.versions: dict[str, int] = {}
        """What `assign` last called the parameters of a set."""

    def parameters(self, name: str) -> dict[str, Tensor]:
        """Parameters of a set by name. Raises HANDLE_UNKNOWN."""
        return _known(self.sets, 'parameter set', name)

    def optimizer(self, name: str) -> Optimizer:
        """Raises HANDLE_UNKNOWN."""
        return _known(self.optimizers, 'optimizer', name)

    def handle(self, name: str) -> Tensor:
        """Raises HANDLE_UNKNOWN."""
        return _known(self.handles, 'tensor', name)

    def add_set(self, name: str, values: Mapping[str, Tensor]) -> None:
        """Makes trainable parameters, in name order. Raises HANDLE_EXISTS."""
        if name in self.sets:
            raise WorkerError(
                'HANDLE_EXISTS', f'create_parameters: sets need distinct names, got "{name}" again.'
            )
        self.sets[name] = {key: _owned(values[key]).requires_grad_() for key in sorted(values)}

    def assign(self, into: str, values: Mapping[str, Tensor], version: int | None) -> None:
        """Copies values into parameters of a set. Raises REQUEST_INVALID before anything is changed."""
        parameters = self.parameters(into)
        for name, value in values.items():
            known = parameters.get(name)
            if known is None or known.shape != value.shape or known.dtype != value.dtype:
                wanted = 'no such parameter' if known is None else f'{known.dtype} {list(known.shape)}'
                raise WorkerError(
                    'REQUEST_INVALID',
                    f'assign: "{name}" must fit set "{into}" ({wanted}), got {value.dtype} {list(value.shape)}.',
                )
        with torch.no_grad():
            for name, value in values.items():
                parameters[name].copy_(value)
        if version is not None:
            self.versions[into] = version

    def expect_version(self, name: str, version: int) -> None:
        """Raises REQUEST_CONFLICT where a set is at another version."""
        found = self.versions.get(name)
        if found != version:
            raise WorkerError(
                'REQUEST_CONFLICT',
                f'collect: the parameters of "{name}" must be at version {version}, got {found}.',
            )

    def digest(self, name: str) -> str:
        """SHA-256 over name, shape and little-endian float bytes of every parameter, in name order."""
        digest = hashlib.sha256()
        for key, tensor in self.parameters(name).items():
            values = tensor.detach().cpu().contiguous()
            digest.update(f'{key}\n{",".join(map(str, values.shape))}\n'.encode())
            digest.update(values.numpy().astype('<f4', copy=False).tobytes())
        return digest.hexdigest()


def _owned(value: Tensor) -> Tensor:
    """A copy that no graph output shares; convolution weights channels-last, as their inputs are."""
    if value.dim() == 4:
        return value.detach().clone(memory_format=torch.channels_last)
    return value.detach().clone(memory_format=torch.contiguous_format)


def _known(table: dict[str, T], what: str, name: str) -> T:
    found = table.get(name)
    if found is None:
        raise WorkerError('HANDLE_UNKNOWN', f'store: a {what} of this name must exist, got "{name}".')
    return found
