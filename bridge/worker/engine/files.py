"""safetensors files: written whole, synced to disk, hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file as save_tensors
from torch import Tensor

from srwm.worker.errors import WorkerError


def write_tensors(
    folder: str, name: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> dict[str, Any]:
    """Writes `name`.safetensors and returns its name, bytes and sha256."""
    path = Path(folder) / f'{name}.safetensors'
    save_tensors(
        {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()},
        path,
        dict(metadata),
    )
    return _sealed(path)


def write_arrays(folder: str, name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The same for numpy arrays."""
    path = Path(folder) / f'{name}.safetensors'
    # ascontiguousarray would make a vector of an array without dimensions.
    save_arrays({key: np.asarray(value, order='C') for key, value in arrays.items()}, path)
    return _sealed(path)


def read_tensors(folder: str, name: str, device: torch.device) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata. Raises RUN_CHECKPOINT."""
    path = Path(folder) / f'{name}.safetensors'
    try:
        with safe_open(path, framework='pt', device=str(device)) as file:
            return {key: file.get_tensor(key) for key in list(file.keys())}, dict(file.metadata() or {})
    except Exception as error:
        raise WorkerError(
            'RUN_CHECKPOINT', f'restore: "{path}" must be a readable safetensors file, got {error}.'
        ) from error


def read_arrays(folder: str, name: str) -> dict[str, np.ndarray]:
    """The same for numpy arrays."""
    path = Path(folder) / f'{name}.safetensors'
    try:
        with safe_open(path, framework='np') as file:
            return {key: file.get_tensor(key) for key in list(file.keys())}
    except Exception as error:
        raise WorkerError(
            'RUN_CHECKPOINT', f'restore: "{path}" must be a readable safetensors file, got {error}.'
        ) from error


def _sealed(path: Path) -> dict[str, Any]:
    with path.open('rb') as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return {'name': path.name, 'bytes': path.stat().st_size, 'sha256': digest}
