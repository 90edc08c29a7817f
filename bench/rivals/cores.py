"""The sequence cores of `rivals.update`, as an expert writes them in PyTorch with the same kernels.

- What does not read the state runs once for all T + 1 steps: projections, feed-forward layers, output projections.
- Steps without a reset multiply no mask: which ones have one is read on the host, once.
- LSTM: `nn.LSTM` on the stretches between resets; the loop by hand, input product hoisted, was slower.
- The recurrent memory: queries and keys share a softmax; small products are broadcasts and sums, which beat `bmm` on
  16 x 16; heads lead the batch, so that the recurrent weights need one `bmm` a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srwm.kernels import delta_rule, srwm


@dataclass(frozen=True, kw_only=True)
class CoreSizes:
    """Of a core; a kind without layers of its own leaves the rest at 0."""

    kind: str
    model_dim: int
    num_heads: int
    num_layers: int
    ff_dim: int


class SelfReference(nn.Module):
    """SRWM; the released code makes the normalisation and never applies it."""

    states = 1

    def __init__(self, dim: int, heads: int, output: int | None = None) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.width = 3 * self.head_dim + 4 if output is None else output + 2 * self.head_dim + 4
        self.w = nn.Parameter(torch.randn(heads, self.head_dim, self.width) * self.head_dim**-0.5)
        self.unused_norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, dim, bias=False)

    def shapes(self) -> list[tuple[int, ...]]:
        """Of the carried state, without the batch."""
        return [(self.heads, self.head_dim, self.width)]

    def refer(self, h: Tensor, is_first: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """What the matrix gives [T, B, H, output], and the next state."""
        heads = h.view(*h.shape[:2], self.heads, self.head_dim)
        return srwm(heads, self.w, delta, is_first, input_softmax=True)

    def forward(self, h: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What is added to h [T, B, M], and the next state."""
        y, delta = self.refer(h, is_first, state[0])
        return self.out(y.flatten(2)), [delta]


class SelfReferenceDelta(SelfReference):
    """SR-Delta: the matrix programs a delta memory."""

    states = 2

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(dim, heads, 3 * (dim // heads) + 1)

    def shapes(self) -> list[tuple[int, ...]]:
        return [*super().shapes(), (self.heads, self.head_dim, self.head_dim)]

    def forward(self, h: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, delta = self.refer(h, is_first, state[0])
        q, k, v, rate = y.split([self.head_dim] * 3 + [1], -1)
        beta = rate.sigmoid().squeeze(-1)
        o, memory = delta_rule(q.softmax(-1), k.softmax(-1), v.contiguous(), beta, state[1], is_first)
        return self.out(o.flatten(2)), [delta, memory]


class Delta(nn.Module):
    """The Delta Net's memory."""

    states = 1

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.norm = nn.LayerNorm(dim)
        self.project = nn.Linear(dim, heads * (3 * self.head_dim + 1), bias=False)
        self.out = nn.Linear(dim, dim, bias=False)

    def shapes(self) -> list[tuple[int, ...]]:
        return [(self.heads, self.head_dim, self.head_dim)]

    def projected(self, h: Tensor) -> Tensor:
        """[T, B, H, 3 D + 1]."""
        return self.project(self.norm(h)).view(*h.shape[:2], self.heads, -1)

    def forward(self, h: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        qk, v, rate = self.projected(h).split([2 * self.head_dim, self.head_dim, 1], -1)
        positive = F.elu(qk).add_(1).unflatten(-1, (2, self.head_dim))
        q, k = (positive / (positive.sum(-1, keepdim=True) + 1e-5)).unbind(-2)
        beta = rate.sigmoid().squeeze(-1)
        o, memory = delta_rule(q, k, v, beta, state[0], is_first)
        return self.out(o.flatten(2)), [memory]


class RecurrentDelta(Delta):
    """The Recurrent Delta Net's memory."""

    states = 2

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(dim, heads)
        self.recurrent = nn.Parameter(torch.empty(heads, self.head_dim, 3 * self.head_dim + 1))

    def shapes(self) -> list[tuple[int, ...]]:
        return [*super().shapes(), (self.heads, self.head_dim)]

    def forward(self, h: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        made = self.projected(h).transpose(1, 2).unbind(0)
        keep = (~is_first).to(h.dtype).view(*is_first.shape, 1).unbind(0)
        memory, output = (one.transpose(0, 1) for one in state)
        d, rows = self.head_dim, []
        for x, kept, resets in zip(made, keep, is_first.any(1).tolist(), strict=True):
            if resets:
                memory, output = memory * kept.unsqueeze(-1), output * kept
            qk, v, rate = torch.baddbmm(x, output.tanh(), self.recurrent).split([2 * d, d, 1], -1)
            q, k = qk.unflatten(-1, (2, d)).softmax(-1).unsqueeze(-1).unbind(-3)
            change = (v - (k * memory).sum(-2)) * rate.sigmoid()
            memory = torch.addcmul(memory, k, change.unsqueeze(-2))
            output = (q * memory).sum(-2)
            rows.append(output)
        o = torch.stack(rows).transpose(1, 2)
        return self.out(o.flatten(2)), [memory.transpose(0, 1), output.transpose(0, 1)]


class Layer(nn.Module):
    """A memory, then feed-forward, both residual; the memory stands under its name in this project."""

    def __init__(self, name: str, memory: nn.Module, sizes: CoreSizes) -> None:
        super().__init__()
        self._name = name
        self.add_module(name, memory)
        self.norm = nn.LayerNorm(sizes.model_dim)
        self.ff_in = nn.Linear(sizes.model_dim, sizes.ff_dim)
        self.ff_out = nn.Linear(sizes.ff_dim, sizes.model_dim)

    def memory(self) -> nn.Module:
        return self.get_submodule(self._name)

    def forward(self, h: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, state = self.memory()(h, is_first, state)
        h = h + y
        return h + self.ff_out(F.relu_(self.ff_in(self.norm(h)))), state


_MEMORIES: dict[str, tuple[str, Callable[[int, int], nn.Module]]] = {
    'srwm': ('srwm', SelfReference),
    'sr_delta': ('srwm', SelfReferenceDelta),
    'delta_net': ('delta', Delta),
    'recurrent_delta': ('delta', RecurrentDelta),
}


class Stack(nn.Module):
    """Input projection and layers."""

    def __init__(self, inputs: int, sizes: CoreSizes) -> None:
        super().__init__()
        name, make = _MEMORIES[sizes.kind]
        self.input = nn.Linear(inputs, sizes.model_dim)
        self.layers = nn.ModuleList(
            Layer(name, make(sizes.model_dim, sizes.num_heads), sizes) for _ in range(sizes.num_layers)
        )
        self.outputs = sizes.model_dim

    def forward(self, x: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """x [T, B, M] to [T, B, outputs], and the next state."""
        h, after = self.input(x), []
        remaining = list(state)
        for layer in self.layers:
            count = layer.memory().states
            h, next_state = layer(h, is_first, remaining[:count])
            remaining, after = remaining[count:], [*after, *next_state]
        return h, after

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Of the carried tensors in their order."""
        return [(batch, *shape) for layer in self.layers for shape in layer.memory().shapes()]


class Lstm(nn.Module):
    """`nn.LSTM` from one reset to the next."""

    def __init__(self, inputs: int, sizes: CoreSizes) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, sizes.model_dim)
        self.outputs = sizes.model_dim

    def forward(self, x: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        h, c = (one.unsqueeze(0) for one in state)
        opened = is_first.any(1).tolist()
        borders = [t for t, opens in enumerate(opened) if opens or t == 0]
        rows = []
        for start, end in zip(borders, [*borders[1:], len(opened)], strict=True):
            if opened[start]:
                kept = (~is_first[start]).to(x.dtype).view(1, -1, 1)
                h, c = h * kept, c * kept
            y, (h, c) = self.lstm(x[start:end], (h, c))
            rows.append(y)
        return torch.cat(rows), [h[0], c[0]]

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        return [(batch, self.outputs)] * 2


class Nothing(nn.Module):
    """No core."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.outputs = inputs

    def forward(self, x: Tensor, is_first: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        return x, []

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        return []


def core_of(inputs: int, sizes: CoreSizes) -> Stack | Lstm | Nothing:
    """The core of that kind for features of that size."""
    if sizes.kind == 'feed_forward':
        return Nothing(inputs)
    return Lstm(inputs, sizes) if sizes.kind == 'lstm' else Stack(inputs, sizes)


PROJECT_NAMES = (
    (r'^core\.lstm\.weight_ih_l0', r'core/input/weight'),
    (r'^core\.lstm\.weight_hh_l0', r'core/recurrent/weight'),
    (r'^core\.lstm\.bias_ih_l0', r'core/input/bias'),
    (r'^core\.lstm\.bias_hh_l0', r'core/recurrent/bias'),
    (r'^core\.layers\.(\d)\.norm', r'core/layer\1/ff/norm'),
    (r'^core\.layers\.(\d)\.ff_', r'core/layer\1/ff/'),
    (r'^core\.layers\.(\d)\.', r'core/layer\1/'),
    (r'\.unused_norm\.', r'.norm.'),
    (r'\.project\.', r'.in.'),
    (r'\bdelta\.', r'delta/'),
)
"""What this project calls the parameters: patterns of `torch` names, applied in order."""
