"""`python -m drivers.delta_rule`: the delta rule and a loop of PyTorch, forward and backward, in turns."""

from __future__ import annotations

from typing import Any

import torch
from rivals.delta_rule_loop import delta_rule_loop
from torch import Tensor

from drivers.serve import serve
from drivers.sides import Sides, served_by
from srwm.kernels import delta_rule


class Bench:
    """One size at a time."""

    def open(
        self, *, time: int, batch: int, heads: int, head_dim: int, device: str, threads: int
    ) -> dict[str, Any]:
        """Makes inputs (keys of length one, as a model's are) and says how far the two sides differ."""
        torch.set_num_threads(threads)
        self._device = torch.device(device)
        generator = torch.Generator().manual_seed(1)
        q, k, v, do = (torch.randn((time, batch, heads, head_dim), generator=generator) for _ in range(4))
        beta = torch.rand((time, batch, heads), generator=generator)
        leaves = tuple(t.to(self._device).requires_grad_() for t in (q.softmax(-1), k.softmax(-1), v, beta))
        cotangent = do.to(self._device)

        def gradients(op: Any) -> list[Tensor]:
            o, end = op(*leaves)
            return [o.detach(), end.detach(), *torch.autograd.grad(o, leaves, cotangent)]

        self._sides = Sides(lambda: gradients(delta_rule), lambda: gradients(delta_rule_loop))
        answer = {
            'difference': self._sides.difference(),
            'compile_seconds': 0.0,
            'threads': torch.get_num_threads(),
        }
        self._sides.warm_up(0.02)
        return {**answer, **served_by('delta_rule', device)}

    def pair(self, *, ours_first: bool) -> dict[str, float]:
        """Seconds of one call each."""
        return self._sides.pair(self._device, ours_first=ours_first)


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'pair': bench.pair})
