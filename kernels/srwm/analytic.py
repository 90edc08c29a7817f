"""The analytic backward pass in plain torch: what the reference implementation's op runs, on any device.

Same equations as the compiled kernels (README.md, "Backward"). Only q, k, beta and the insertion of each step
are kept from the forward pass, or with checkpoints the state every so many steps; the weights before each step
are rebuilt a segment at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .reference import apply, column_beta, initial_delta, outer, output_dim, step

# States of this many steps are alive at once in the backward pass.
SEGMENT = 16


def forward(
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None,
    is_first: Tensor | None,
    *,
    input_softmax: bool,
    checkpoint_every: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns y [T,B,H,Y], the final delta [B,H,D,C] and what `backward` needs.

    That is q, k, beta and insertion of every step [T,B,H,2D+4+C], or with checkpoints the states before steps
    0, S, 2S, ... [T//S+1,B,H,D,C].
    """
    state = initial_delta(x, w, fast_weight_delta)
    if input_softmax:
        x = torch.softmax(x, dim=-1)
    y = x.new_empty((*x.shape[:3], output_dim(w)))
    if checkpoint_every:
        saved = x.new_zeros((len(x) // checkpoint_every + 1, *state.shape))
    else:
        saved = x.new_empty((*x.shape[:3], 2 * x.shape[-1] + 4 + w.shape[-1]))
    for t, x_t in enumerate(x.unbind(0)):
        if checkpoint_every and t % checkpoint_every == 0:
            saved[t // checkpoint_every] = state
        state = reset(state, is_first, t)
        out = step(x_t, w + state)
        state = state + outer(out.k, out.insertion)
        y[t] = out.y
        if not checkpoint_every:
            torch.cat(out[1:], dim=-1, out=saved[t])
    return y, state, saved


def backward(
    dy: Tensor | None,
    ddelta_out: Tensor | None,
    x: Tensor,
    w: Tensor,
    fast_weight_delta: Tensor | None,
    is_first: Tensor | None,
    saved: Tensor,
    *,
    input_softmax: bool,
    bptt: str,
    checkpoint_every: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns dx [T,B,H,D], dw [B,H,D,C] before its sum over the batch, and ddelta [B,H,D,C]."""
    head_dim, y_dim = x.shape[-1], output_dim(w)
    xs = torch.softmax(x, dim=-1) if input_softmax else x
    if dy is None:
        dy = x.new_zeros((*x.shape[:3], y_dim))
    state = initial_delta(x, w, fast_weight_delta)
    grad = torch.zeros_like(state) if ddelta_out is None else ddelta_out.clone()
    # w gets the sum of all updates of grad, and no cotangent of the state that would cancel against another.
    dw = torch.zeros_like(grad)
    dx = torch.empty_like(xs)
    widths = [head_dim, head_dim, 4, w.shape[-1]]

    def kept(t: int, state: Tensor) -> tuple[Tensor, ...]:
        """Returns q, k, beta and the insertion of step t, from memory or from the state before it."""
        return step(xs[t], w + state)[1:] if checkpoint_every else saved[t].split(widths, dim=-1)

    def states_from(state: Tensor, start: int, stop: int) -> tuple[list[Tensor], Tensor]:
        before = []
        for t in range(start, stop):
            before.append(reset(state, is_first, t))
            _, k, _, insertion = kept(t, before[-1])
            state = before[-1] + outer(k, insertion)
        return before, state

    length = checkpoint_every or SEGMENT
    segments = [(a, min(a + length, len(x))) for a in range(0, len(x), length)]
    starts = list(saved.unbind(0)) if checkpoint_every else []
    for start, stop in segments[: 0 if checkpoint_every else None]:
        starts.append(state)
        _, state = states_from(state, start, stop)
    for (start, stop), first_state in zip(reversed(segments), reversed(starts[: len(segments)]), strict=True):
        before, _ = states_from(first_state, start, stop)
        for t in reversed(range(start, stop)):
            q, k, beta, insertion = kept(t, before[t - start])
            weights = w + before[t - start]
            v = apply(k, grad)
            u = column_beta(beta, y_dim, head_dim) * v
            p, r = rows(grad, insertion), rows(weights, u)
            parts = (v * insertion).split([y_dim, head_dim, head_dim, 4], dim=-1)
            dbeta = (1 - beta) * torch.stack([part.sum(-1) for part in parts], dim=-1)
            dpre = torch.cat([dy[t], softmax_backward(q, r), softmax_backward(k, p - r), dbeta], dim=-1)
            dx[t] = rows(weights, dpre)
            update = outer(q - k, u) + outer(xs[t], dpre)
            dw = dw + update
            if bptt != 'step':
                grad = reset(grad + update, is_first, t)
    return softmax_backward(xs, dx) if input_softmax else dx, dw, grad


def reset(state: Tensor, is_first: Tensor | None, t: int) -> Tensor:
    """Returns state [B,H,D,C] with zeros where is_first[t]."""
    return state if is_first is None else torch.where(is_first[t, :, None, None, None], 0, state)


def rows(weights: Tensor, columns: Tensor) -> Tensor:
    """Returns weights [B,H,D,C] times columns [B,H,C]."""
    return torch.matmul(weights, columns.unsqueeze(-1)).squeeze(-1)


def softmax_backward(probability: Tensor, grad: Tensor) -> Tensor:
    """Returns the gradient before a softmax over the last dimension."""
    return probability * (grad - (probability * grad).sum(-1, keepdim=True))
