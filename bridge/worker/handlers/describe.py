"""What this worker runs on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy
import torch

from srwm.worker.engine.build import OPERATIONS


def describe() -> dict[str, Any]:
    """The fields of READY that only the engine knows."""
    devices = [{'name': 'cpu', 'kind': 'cpu', 'description': f'{torch.get_num_threads()} threads'}]
    for index in range(torch.cuda.device_count()):
        devices.append(
            {'name': f'cuda:{index}', 'kind': 'cuda', 'description': torch.cuda.get_device_name(index)}
        )
    return {
        'torch': str(torch.__version__),
        'numpy': str(numpy.__version__),
        'threads': torch.get_num_threads(),
        'devices': devices,
        'ops_hash': hashlib.sha256('\n'.join(sorted(OPERATIONS)).encode()).hexdigest(),
    }
