"""`python -m drivers.srwm_gpu`: device time of the srwm op's own kernels, without the host's part in calling them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from drivers.serve import serve
from drivers.sides import served_by
from srwm.kernels import explain

# Calls in one captured graph: enough that its own start does not show.
CALLS = 20


class Bench:
    """Both passes of one size, each captured as a graph."""

    def open(self, *, time: int, batch: int, heads: int, head_dim: int, device: str) -> dict[str, Any]:
        """Makes inputs and captures both passes; the first call of each compiles its kernels."""
        generator = torch.Generator().manual_seed(1)
        width = 3 * head_dim + 4

        def normal(*shape: int, scale: float) -> Tensor:
            return torch.randn(shape, generator=generator).mul_(scale).to(device)

        x, dy = (normal(time, batch, heads, head_dim, scale=1.0) for _ in range(2))
        w = normal(heads, head_dim, width, scale=head_dim**-0.5)
        delta = normal(batch, heads, head_dim, width, scale=0.05)
        name = explain('srwm', device=device).implementation
        run_forward = getattr(torch.ops.srwm, f'forward_{name}').default
        run_backward = getattr(torch.ops.srwm, f'backward_{name}').default

        def forward() -> Any:
            return run_forward(x, w, delta, None, None, True, False, True, 0)

        _, end, saved = forward()

        def backward() -> Any:
            return run_backward(dy, None, x, w, delta, end, None, None, saved, True, False, True, 0)

        self._graphs = {'forward': captured(forward), 'backward': captured(backward)}
        return {**served_by('srwm', device), 'device_name': torch.cuda.get_device_name()}

    def microseconds(self, *, direction: str) -> float:
        """Of one pass on the device."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        self._graphs[direction].replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1000 / CALLS


def captured(work: Callable[[], Any]) -> torch.cuda.CUDAGraph:
    """CALLS calls as one graph; warmed up outside it, as capturing demands."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            work()
    return graph


if __name__ == '__main__':
    bench = Bench()
    serve({'open': bench.open, 'microseconds': bench.microseconds})
