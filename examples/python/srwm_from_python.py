"""A self-referential layer in plain PyTorch, without any TypeScript: `python examples/python/srwm_from_python.py`.

Run it with the Python of `npx srwm setup`, from any folder. It learns to name the second last symbol of a sequence,
which a layer without a memory cannot do, then acts with the in-place step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srwm.kernels import KernelError, delta_rule, explain, srwm, srwm_step_

SYMBOLS, HEADS, HEAD_DIM = 4, 4, 8


class SrwmLayer(nn.Module):
    """Embeds symbols [T, B], runs them through one self-referential weight matrix a head, and scores the answers."""

    def __init__(self) -> None:
        super().__init__()
        # Columns (y, q, k, beta); beta has four rates.
        columns = HEAD_DIM + 2 * HEAD_DIM + 4
        self.embed = nn.Embedding(SYMBOLS, HEADS * HEAD_DIM)
        self.w = nn.Parameter(torch.randn(HEADS, HEAD_DIM, columns) / HEAD_DIM**0.5)
        self.answer = nn.Linear(HEADS * HEAD_DIM, SYMBOLS)

    def heads(self, symbols: Tensor) -> Tensor:
        return self.embed(symbols).unflatten(-1, (HEADS, HEAD_DIM))

    def forward(self, symbols: Tensor, is_first: Tensor) -> Tensor:
        x = self.heads(symbols)
        y, _ = srwm(x, self.w, is_first=is_first, input_softmax=True)
        return self.answer((x + y).flatten(-2))


def main() -> None:
    torch.manual_seed(0)
    print(explain('srwm', device='cpu', head_dim=HEAD_DIM).reason)
    layer = SrwmLayer()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    losses = []
    for _ in range(150):
        symbols = torch.randint(SYMBOLS, (12, 64))
        is_first = torch.zeros(12, 64, dtype=torch.bool)
        # A second episode begins in the middle: nothing of the first one may be left.
        is_first[0] = is_first[6] = True
        scores = layer(symbols, is_first)
        known = torch.cat([scores[1:6], scores[7:]]).flatten(0, 1)
        wanted = torch.cat([symbols[:5], symbols[6:-1]]).flatten()
        loss = nn.functional.cross_entropy(known, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f'cross entropy {losses[0]:.2f} -> {losses[-1]:.2f} (chance is {torch.tensor(SYMBOLS).log():.2f})')
    if losses[-1] > 0.8 * losses[0]:
        raise SystemExit('the layer did not learn')

    # Acting: one step at a time, the state written in place.
    with torch.inference_mode():
        x = layer.heads(torch.randint(SYMBOLS, (5, 3)))
        state = torch.zeros(3, *layer.w.shape)
        steps = torch.stack([srwm_step_(x_t, layer.w, state, input_softmax=True) for x_t in x])
        fused, end = srwm(x, layer.w, input_softmax=True)
    print(
        f'steps against the fused op: {(steps - fused).abs().max():.1e}, state {(state - end).abs().max():.1e}'
    )

    q = k = torch.softmax(torch.randn(5, 3, HEADS, HEAD_DIM), dim=-1)
    o, _ = delta_rule(q, k, torch.randn(5, 3, HEADS, HEAD_DIM), torch.rand(5, 3, HEADS))
    print(f'delta_rule: {list(o.shape)}')
    try:
        srwm(x, torch.zeros(HEADS, HEAD_DIM, 3), input_softmax=True)
    except KernelError as error:
        print(error)


if __name__ == '__main__':
    main()
