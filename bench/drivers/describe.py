"""`python -m drivers.describe`: versions and devices, without a worker."""

from __future__ import annotations

import platform
from typing import Any

import numpy
import torch

from drivers.serve import serve


def describe() -> dict[str, Any]:
    """What the machine row says about Python's side."""
    devices = ['cpu', *(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))]
    versions = {
        'python': platform.python_version(),
        'torch': str(torch.__version__),
        'numpy': numpy.__version__,
    }
    # What torch's own kernels use, "AVX2" or "AVX512": ratios on one do not hold on the other.
    vectors = torch.backends.cpu.get_cpu_capability()
    return {'versions': versions, 'devices': devices, 'vectors': vectors}


if __name__ == '__main__':
    serve({'describe': describe})
