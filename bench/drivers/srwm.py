"""`python -m drivers.srwm`: the srwm op and a loop of PyTorch, forward and backward or one step of acting, in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from rivals.srwm_loop import beta_columns, srwm_loop, srwm_loop_step
from rivals.srwm_op_for_op import srwm_op_for_op
from torch import Tensor

from drivers.serve import serve
from drivers.sides import Sides, served_by, within
from srwm.kernels import srwm, srwm_step_

Op = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
# The calls of one side fill at least so long, which the clock can tell.
SECONDS = 0.02


class Bench:
    """One size and one rival at a time."""

    def open(
        self,
        *,
        time: int,
        batch: int,
        heads: int,
        head_dim: int,
        rival: str,
        device: str,
        threads: int,
        limit: int,
    ) -> dict[str, Any]:
        """Makes inputs, compiles where the rival is compiled, and says how far the two sides differ."""
        torch.set_num_threads(threads)
        self._device = torch.device(device)
        generator = torch.Generator().manual_seed(1)

        def normal(*shape: int, scale: float) -> Tensor:
            return torch.randn(shape, generator=generator).mul_(scale).to(self._device)

        width = 3 * head_dim + 4
        x = normal(time, batch, heads, head_dim, scale=1.0)
        w = normal(heads, head_dim, width, scale=head_dim**-0.5)
        delta = normal(batch, heads, head_dim, width, scale=0.05)
        answer: dict[str, Any] = {'threads': torch.get_num_threads(), 'compile_seconds': 0.0}
        if rival == 'eager_step':
            self._sides, answer['difference'] = steps(x[0], w, delta)
            op = 'srwm_step'
        else:
            dy = normal(*x.shape, scale=1.0)
            leaves = tuple(t.requires_grad_() for t in (x, w, delta))
            loop: Op = {'packed': srwm_loop, 'op_for_op': srwm_op_for_op, 'compiled': srwm_loop}[rival]
            if rival == 'compiled':
                loop = torch.compile(srwm_loop, fullgraph=True, dynamic=False)
            self._sides = Sides(lambda: gradients(project, leaves, dy), lambda: gradients(loop, leaves, dy))
            if rival == 'compiled':
                answer['compile_seconds'] = within(limit, lambda: gradients(loop, leaves, dy))
                if answer['compile_seconds'] is None:
                    return {**answer, **served_by('srwm', device), 'difference': 0.0}
            answer['difference'] = self._sides.difference()
            op = 'srwm'
        self._sides.warm_up(SECONDS)
        return {**answer, **served_by(op, device)}

    def pair(self, *, ours_first: bool) -> dict[str, float]:
        """Seconds of one call each."""
        return self._sides.pair(self._device, ours_first=ours_first)


def project(x: Tensor, w: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    return srwm(x, w, delta, input_softmax=True)


def gradients(op: Op, leaves: tuple[Tensor, Tensor, Tensor], dy: Tensor) -> list[Tensor]:
    y, delta = op(*leaves)
    return [y.detach(), delta.detach(), *torch.autograd.grad(y, leaves, dy)]


@torch.inference_mode()
def steps(x: Tensor, w: Tensor, delta: Tensor) -> tuple[Sides, float]:
    """One step of acting over a state that both write in place; the difference is of two steps from one state."""
    batch, heads, dim = x.shape
    state, whole = delta.clone(), (w + delta).view(batch * heads, dim, -1)
    out, row, columns = torch.empty_like(x), x.view(batch * heads, 1, dim), beta_columns(dim, x.device)

    def ours() -> list[Tensor]:
        with torch.inference_mode():
            return [srwm_step_(x, w, state, input_softmax=True, out=out)]

    def rival() -> list[Tensor]:
        with torch.inference_mode():
            return [srwm_loop_step(row, whole, columns).view(x.shape)]

    sides = Sides(ours, rival)
    found = max(sides.difference(), sides.difference())
    end = float((w + state - whole.view(delta.shape)).abs().max() / whole.abs().max())
    return sides, max(found, end)


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'pair': bench.pair})
