"""Random numbers from a key alone: torch's global generator is never read."""

from __future__ import annotations

import torch
from torch import Tensor


def random_uniform(key: int, shape: list[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Uniform in [0, 1). Drawn on the CPU, so that every device sees the same numbers."""
    generator = torch.Generator().manual_seed(key)
    return torch.rand(shape, dtype=dtype, generator=generator).to(device)


def random_normal(key: int, shape: list[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Standard normal. Drawn on the CPU, so that every device sees the same numbers."""
    generator = torch.Generator().manual_seed(key)
    return torch.randn(shape, dtype=dtype, generator=generator).to(device)
