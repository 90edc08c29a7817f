"""`checkpoint`: the body's values are dropped after the forward pass and computed again for the backward pass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from srwm.worker.engine.build import build_module
from srwm.worker.messages_gen import NodeSpec


class Checkpoint(torch.nn.Module):
    """One checkpoint node: (inputs, parameters) to the outputs of its body."""

    def __init__(self, node: NodeSpec, device: torch.device) -> None:
        super().__init__()
        assert node.body is not None
        self.body = build_module(node.body, device)

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        if not torch.is_grad_enabled():
            return self.body.forward(*arguments)
        # Random operations take their key as an input: torch's generators are never read, so none is kept.
        return checkpoint(self.body.forward, *arguments, use_reentrant=False, preserve_rng_state=False)
