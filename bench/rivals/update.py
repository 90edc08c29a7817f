"""The update of `procgen-easy` as an expert writes it in PyTorch, without any of this project's graph layer.

Same mathematics, same parameters, same kernels, same allocator and thread settings; `rivals.cores` has the sequence
cores. Tuned here:

- channels-last throughout: the uint8 [N, Y, X, C] frames are permuted without a copy, weights are stored likewise;
- convolutions by the project's own kernel (`srwm.kernels.conv2d`), the ReLU before and the addition after in its call;
- max-pooling by the project's own kernel (`srwm.kernels.max_pool2d`);
- other ReLUs in place wherever autograd does not need the former value;
- the encoder runs once over all T + 1 steps of all columns; V-trace runs without gradients;
- losses are summed once and read after the step; gradients are dropped, not zeroed;
- `foreach` RMSprop and gradient clipping: one call for all parameters.

Tried and left out, since slower or equal on two CPU cores: NCHW, `torch.compile` of the encoder (the convolutions
are calls either way), one convolution call a time step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rivals.cores import PROJECT_NAMES, CoreSizes, core_of
from srwm.kernels import conv2d, max_pool2d


@dataclass(frozen=True, kw_only=True)
class Sizes(CoreSizes):
    """Of the network and its core."""

    channels: tuple[int, ...]
    blocks: int
    feature_dim: int
    num_actions: int


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of the loss."""

    discount: float
    baseline: float
    entropy: float


class Block(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = conv2d(x, self.conv0.weight, self.conv0.bias, padding=1, relu_input=True)
        return conv2d(inner, self.conv1.weight, self.conv1.bias, padding=1, relu_input=True, residual=x)


class Stage(nn.Module):
    """Convolution, pooling to half the size, residual blocks."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.blocks = nn.ModuleList(Block(outputs) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(conv2d(x, self.conv.weight, self.conv.bias, padding=1), 3, stride=2, padding=1)
        for block in self.blocks:
            x = block(x)
        return x


class Network(nn.Module):
    """Encoder, clipped reward, core, two heads."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        inputs = (3, *sizes.channels[:-1])
        self.stages = nn.ModuleList(
            Stage(i, o, sizes.blocks) for i, o in zip(inputs, sizes.channels, strict=True)
        )
        side = 64 >> len(sizes.channels)
        self.dense = nn.Linear(sizes.channels[-1] * side * side, sizes.feature_dim)
        self.core = core_of(sizes.feature_dim + 1, sizes)
        self.policy = nn.Linear(self.core.outputs, sizes.num_actions)
        self.baseline = nn.Linear(self.core.outputs, 1)

    def forward(
        self, frames: Tensor, reward: Tensor, is_first: Tensor, state: list[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """frames uint8 [T, B, 64, 64, 3]; returns logits [T, B, A], values [T, B] and the next core state."""
        time, batch = reward.shape
        x = frames.flatten(0, 1).permute(0, 3, 1, 2).to(torch.float32).mul_(1 / 255)
        for stage in self.stages:
            x = stage(x)
        features = F.relu_(self.dense(F.relu_(x).flatten(1)))
        clipped = reward.clamp(-1, 1).masked_fill(is_first, 0).unsqueeze(-1)
        x = torch.cat([features.view(time, batch, -1), clipped], -1)
        h, after = self.core(x, is_first, state)
        return self.policy(h), self.baseline(h).squeeze(-1), after

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Of the core's state before an unroll."""
        return self.core.state_shapes(batch)

    def load(self, values: Mapping[str, Tensor]) -> dict[str, nn.Parameter]:
        """Takes over parameters by the project's names and returns its own by those names."""
        mine = {_project_name(name): parameter for name, parameter in self.named_parameters()}
        if set(mine) != set(values):
            raise ValueError(f'the two networks differ in {sorted(set(mine) ^ set(values))}')
        with torch.no_grad():
            for name, parameter in mine.items():
                parameter.copy_(values[name])
        self.to(memory_format=torch.channels_last)
        return mine


_NAMES = (
    (r'^stages\.(\d)\.blocks\.(\d)\.', r'encoder/stage\1/block\2/'),
    (r'^stages\.(\d)\.', r'encoder/stage\1/'),
    (r'^dense\.', r'encoder/dense/'),
    (r'^(policy|baseline)\.', r'head/\1/'),
    *PROJECT_NAMES,
)


def _project_name(name: str) -> str:
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name.replace('.', '/')


class Update:
    """One optimizer step on columns of an unroll."""

    def __init__(self, network: Network, costs: Costs, *, max_grad_norm: float, alpha: float, epsilon: float):
        self.network, self.costs, self.max_grad_norm = network, costs, max_grad_norm
        self.parameters = [p for name, p in network.named_parameters() if 'unused_norm' not in name]
        self.optimizer = torch.optim.RMSprop(self.parameters, lr=0.0, alpha=alpha, eps=epsilon, foreach=True)

    def loss(self, unroll: Mapping[str, Tensor], state: list[Tensor], columns: Tensor | None) -> Tensor:
        """The summed loss; [T + 1, B] observations, rewards and resets, [T, B] actions."""
        if columns is not None:
            unroll = {name: value.index_select(1, columns) for name, value in unroll.items()}
            state = [one.index_select(0, columns) for one in state]
        reward, is_first = unroll['reward'], unroll['is_first']
        logits, values, _ = self.network(unroll['observation'], reward, is_first, state)
        log_policy = logits[:-1].log_softmax(-1)
        action = unroll['action'].unsqueeze(-1)
        log_probability = log_policy.gather(-1, action).squeeze(-1)
        with torch.no_grad():
            behaviour = unroll['behaviour_logits'].log_softmax(-1).gather(-1, action).squeeze(-1)
            rho = (log_probability - behaviour).exp_().clamp_(max=1)
            discount = (~is_first[1:]).to(torch.float32).mul_(self.costs.discount)
            targets, advantages = v_trace(rho, discount, reward[1:].clamp(-1, 1), values)
        policy_loss = -(log_probability * advantages).sum()
        baseline_loss = (targets - values[:-1]).square().sum().mul(0.5)
        negative_entropy = (log_policy.exp() * log_policy).sum()
        return policy_loss + self.costs.baseline * baseline_loss + self.costs.entropy * negative_entropy

    def __call__(
        self, unroll: Mapping[str, Tensor], state: list[Tensor], columns: Tensor | None, learning_rate: float
    ) -> tuple[float, float]:
        """Loss and gradient norm before clipping."""
        loss = self.loss(unroll, state, columns)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.max_grad_norm, foreach=True)
        self.optimizer.param_groups[0]['lr'] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach()), float(norm)


def v_trace(rho: Tensor, discount: Tensor, reward: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Targets and advantages [T, B] from ratios clipped at 1; values [T + 1, B]."""
    now, after = values[:-1], values[1:]
    deltas = rho * (reward + discount * after - now)
    decay = discount * rho
    excess, rows = torch.zeros_like(deltas[0]), []
    for delta, keep in zip(reversed(deltas.unbind(0)), reversed(decay.unbind(0)), strict=True):
        excess = torch.addcmul(delta, keep, excess)
        rows.append(excess)
    targets = torch.stack(rows[::-1]).add_(now)
    targets_after = torch.cat([targets[1:], values[-1:]])
    return targets, rho * (reward + discount * targets_after - now)
