"""`python -m drivers.srwm`: the srwm op and the eager loop, forward and backward, in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from rivals.srwm_loop import srwm_loop
from torch import Tensor

from drivers.clock import in_turns
from drivers.serve import serve
from srwm.kernels import explain, srwm

Op = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Bench:
    """One size at a time."""

    def open(
        self, *, time: int, batch: int, heads: int, head_dim: int, device: str, backward: bool
    ) -> dict[str, Any]:
        """Makes inputs and refuses, by raising, where the two sides do not agree."""
        self._device, self._backward = torch.device(device), backward
        generator = torch.Generator().manual_seed(1)

        def normal(*shape: int, scale: float) -> Tensor:
            made = torch.randn(shape, generator=generator).mul_(scale).to(self._device)
            return made.requires_grad_(backward)

        width = 3 * head_dim + 4
        self._x = normal(time, batch, heads, head_dim, scale=1.0)
        self._w = normal(heads, head_dim, width, scale=head_dim**-0.5)
        self._delta = normal(batch, heads, head_dim, width, scale=0.05)
        self._dy = torch.randn(self._x.shape, generator=generator).to(self._device)
        difference = max(
            float((a - b).abs().max() / b.abs().max())
            for a, b in zip(self._run(_project), self._run(srwm_loop), strict=True)
        )
        chosen = explain('srwm', device=device)
        return {'difference': difference, 'implementation': chosen.implementation, 'reason': chosen.reason}

    def pair(self, *, repeats: int, ours_first: bool) -> dict[str, float]:
        """Seconds of one call each, over `repeats` of the project's calls."""

        def ours() -> None:
            for _ in range(repeats):
                self._run(_project)

        pair = in_turns(ours, lambda: self._run(srwm_loop), self._device, ours_first=ours_first)
        return {'ours': pair['ours'] / repeats, 'rival': pair['rival']}

    def _run(self, op: Op) -> list[Tensor]:
        inputs = (self._x, self._w, self._delta)
        if not self._backward:
            with torch.inference_mode():
                return list(op(*inputs))
        y, delta = op(*inputs)
        return [y, delta, *torch.autograd.grad(y, inputs, self._dy)]


def _project(x: Tensor, w: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    return srwm(x, w, delta, input_softmax=True)


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'pair': bench.pair})
