"""The state of one session, and the way from bindings and wire tensors to torch and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from srwm import envs
from srwm.worker.engine.calls import DTYPE_NAMES, DTYPES
from srwm.worker.engine.graphs import Value
from srwm.worker.engine.store import Store
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import FrameBinding, HandleBinding, KeyBinding
from srwm.worker.wire import WireTensor

Binding = HandleBinding | FrameBinding | KeyBinding


class Session:
    """What the handlers share."""

    def __init__(self) -> None:
        self.store = Store()
        self.pools: dict[str, envs.Pool] = {}

    def pool(self, name: str) -> envs.Pool:
        """Raises HANDLE_UNKNOWN."""
        pool = self.pools.get(name)
        if pool is None:
            raise WorkerError('HANDLE_UNKNOWN', f'store: a pool of this name must be open, got "{name}".')
        return pool

    def resolve(self, bindings: Mapping[str, Binding], frames: Sequence[WireTensor]) -> dict[str, Value]:
        """Bindings as tensors on the session's device, and keys as numbers."""
        values: dict[str, Value] = {}
        for name, binding in bindings.items():
            match binding:
                case HandleBinding(id=handle):
                    values[name] = self.store.handle(handle)
                case KeyBinding(value=key):
                    values[name] = key
                case FrameBinding(index=index):
                    values[name] = self.frame(frames, index, name)
        return values

    def frame(self, frames: Sequence[WireTensor], index: int, name: str) -> Tensor:
        """Raises REQUEST_INVALID for a frame that the message does not carry."""
        if index >= len(frames):
            raise WorkerError(
                'REQUEST_INVALID', f'input "{name}": frame {index} must exist, got {len(frames)} frames.'
            )
        return to_torch(frames[index], self.store.device)

    def close(self) -> None:
        """Stops the hosts of every pool."""
        for pool in self.pools.values():
            pool.close()
        self.pools.clear()


def to_torch(wire: WireTensor, device: torch.device) -> Tensor:
    """A tensor over the bytes that came, which nobody else holds; a copy where they may not be written to."""
    dtype = DTYPES[wire.dtype]
    if 0 in wire.shape:
        return torch.empty(wire.shape, dtype=dtype, device=device)
    data = wire.data if not memoryview(wire.data).readonly else bytearray(wire.data)
    values = torch.frombuffer(data, dtype=dtype)
    # libzmq puts a frame at any address, and torch counts on that of its elements.
    if values.data_ptr() % values.element_size() != 0:
        values = values.clone()
    # Both would give the same tensor back where nothing is to do, and take as long as all the rest.
    if len(wire.shape) != 1:
        values = values.view(wire.shape)
    return values if device.type == 'cpu' else values.to(device)


def to_wire(tensor: Tensor) -> WireTensor:
    """Bytes in C order."""
    values = tensor.detach().cpu().contiguous()
    data = values.reshape(-1).view(torch.uint8).numpy().tobytes() if values.numel() else b''
    return WireTensor(dtype=DTYPE_NAMES[values.dtype], shape=tuple(values.shape), data=data)
