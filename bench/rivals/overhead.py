"""The programs of `graph/overhead` as an expert writes them in PyTorch, on parameters of the project's names.

Functional, without module calls; in place wherever autograd does not need the former value. The own layer projects
all T steps at once, as an expert would, and loops only over what needs the state.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Values = Mapping[str, Tensor]


def _linear(p: Values, name: str, x: Tensor) -> Tensor:
    return F.linear(x, p[f'{name}/weight'], p[f'{name}/bias'])


def own_layer(p: Values, data: Values) -> Tensor:
    """h <- 0.9 h + relu(in x), back to zero where an episode begins."""
    drive = F.relu_(_linear(p, 'leaky/in', data['x']))
    keep = (~data['is_first']).to(torch.float32).mul_(0.9).unsqueeze(-1)
    h, rows = data['h'], []
    for now, still in zip(drive.unbind(0), keep.unbind(0), strict=True):
        h = torch.addcmul(now, h, still)
        rows.append(h)
    return torch.stack(rows).square().mean()


def transformer(p: Values, data: Values) -> Tensor:
    """One block; attention sees earlier steps of the same episode."""
    x, first = data['x'], data['is_first']
    time, batch, dim = x.shape
    h = F.layer_norm(x, (dim,), p['block/norm/weight'], p['block/norm/bias'])
    q, k, v = (
        _linear(p, f'block/{name}', h).view(time, batch, 4, dim // 4).permute(1, 2, 0, 3) for name in 'qkv'
    )
    episode = first.cumsum(0).t()
    same = (episode.unsqueeze(2) == episode.unsqueeze(1)).unsqueeze(1)
    mask = same.tril()
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    h = x + _linear(p, 'block/out', y.permute(2, 0, 1, 3).reshape(time, batch, dim))
    inner = F.layer_norm(h, (dim,), p['block/ff_norm/weight'], p['block/ff_norm/bias'])
    return (h + _linear(p, 'block/ff_out', F.relu_(_linear(p, 'block/ff_in', inner)))).square().mean()


def clipped_loss(p: Values, data: Values) -> Tensor:
    """Two layers, two heads, the clipped surrogate, squared value errors, entropy."""
    h = F.relu_(_linear(p, 'second', F.relu_(_linear(p, 'first', data['x']))))
    log_policy = _linear(p, 'policy', h).log_softmax(-1)
    values = _linear(p, 'baseline', h).squeeze(-1)
    ratio = (log_policy.gather(-1, data['action'].unsqueeze(-1)).squeeze(-1) - data['behaviour']).exp()
    gain = -data['advantages']
    policy = torch.maximum(gain * ratio, gain * ratio.clamp(0.8, 1.2)).mean()
    value = F.mse_loss(values, data['returns'])
    negative_entropy = (log_policy.exp() * log_policy).sum(-1).mean()
    return policy + 0.25 * value + 0.01 * negative_entropy
