"""CleanRL's loop as an expert tunes it for this machine, results unchanged. Beside `cleanrl.py`:

- the network of `rivals/update.py`: channels-last weights over ProcGen's own HWC bytes, the project's own convolutions;
- frames stay uint8 until they enter the network: a quarter of the memory traffic; every buffer is made once;
- `inference_mode` while acting; actions by a Gumbel draw from the logits, without `Categorical`;
- two groups of slots: ProcGen's threads step one while the network acts for the other;
- advantages over whole rows in place; nothing is read to the host before the end of an iteration;
- `foreach` Adam and clipping; gradients dropped, not zeroed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rivals.groups import Groups
from rivals.loop import Setting
from rivals.update import Network, Sizes

REWARD_CLIP = 10.0


class Loop:
    """One unit of `run` is an iteration: a rollout, then all epochs over it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        torch.manual_seed(1)
        self._network = Network(Sizes(**{**setting.sizes, 'channels': tuple(setting.sizes['channels'])}))
        self._network.to(memory_format=torch.channels_last)
        self._parameters = list(self._network.parameters())
        self._optimizer = torch.optim.Adam(
            self._parameters, lr=setting.learning_rate, eps=setting.adam_epsilon, foreach=True
        )
        self._groups = Groups(setting, self._network)
        self._discounted = torch.zeros(setting.num_envs)
        self._mean, self._variance, self._count = 0.0, 1.0, 1e-4
        self.parameters = sum(p.numel() for p in self._parameters)

    def run(self, updates: int) -> int:
        for _ in range(updates):
            self._groups.collect()
            self._learn(*self._advantages())
        return updates * self._setting.num_envs * self._setting.unroll_length

    def _scaled_rewards(self) -> Tensor:
        """The rewards of the unroll [T, B] over the running deviation of the discounted return."""
        rewards = self._groups.reward[1:].clone()
        first = self._groups.is_first[1:]
        for t in range(len(rewards)):
            self._discounted.mul_(self._setting.discount).add_(rewards[t])
            variance, mean = torch.var_mean(self._discounted, correction=0)
            self._track(float(mean), float(variance))
            self._discounted.masked_fill_(first[t], 0)
            rewards[t] /= (self._variance + 1e-8) ** 0.5
        return rewards.clamp_(-REWARD_CLIP, REWARD_CLIP)

    def _track(self, mean: float, variance: float) -> None:
        count = self._setting.num_envs
        delta, total = mean - self._mean, self._count + count
        moments = self._variance * self._count + variance * count + delta**2 * self._count * count / total
        self._mean, self._variance, self._count = self._mean + delta * count / total, moments / total, total

    @torch.inference_mode()
    def _targets(self) -> tuple[Tensor, Tensor]:
        setting, groups = self._setting, self._groups
        rewards = self._scaled_rewards()
        _, last, _ = self._network(groups.observation[-1:], groups.reward[-1:], groups.is_first[-1:], [])
        values = torch.cat([groups.values, last])
        going_on = (~groups.is_first[1:]).to(torch.float32).mul_(setting.discount)
        advantages = torch.addcmul(rewards, going_on, values[1:]).sub_(values[:-1])
        decay = going_on.mul_(setting.lambda_)
        for t in reversed(range(len(advantages) - 1)):
            advantages[t].addcmul_(decay[t], advantages[t + 1])
        returns = advantages + groups.values
        return advantages, returns

    def _advantages(self) -> tuple[Tensor, Tensor]:
        return tuple(
            x.clone().flatten() for x in self._targets()
        )  # Out of inference mode: autograd reads them.

    def _learn(self, advantages: Tensor, returns: Tensor) -> None:
        setting, groups = self._setting, self._groups
        flat = {
            'frames': groups.observation[:-1].flatten(0, 1),
            'reward': groups.reward[:-1].flatten(),
            'first': groups.is_first[:-1].flatten(),
            'action': groups.action.flatten(),
            'log_probability': groups.log_probability.flatten(),
            'value': groups.values.flatten(),
            'gain': advantages,
            'return': returns,
        }
        size, minibatch = len(advantages), setting.batch_size * setting.unroll_length
        for _ in range(setting.passes):
            for some in torch.from_numpy(np.random.permutation(size)).split(minibatch):
                loss = self._loss({name: x.index_select(0, some) for name, x in flat.items()})
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self._parameters, setting.max_grad_norm, foreach=True)
                self._optimizer.step()
                self._optimizer.zero_grad(set_to_none=True)
        self.last_loss = float(loss.detach())
        if not np.isfinite(self.last_loss):
            raise ValueError(f'the loss must be finite, got {self.last_loss}')

    def _loss(self, some: dict[str, Tensor]) -> Tensor:
        clip = self._setting.clip
        logits, value, _ = self._network(
            some['frames'].unsqueeze(0), some['reward'].unsqueeze(0), some['first'].unsqueeze(0), []
        )
        log_policy, value = logits[0].log_softmax(-1), value[0]
        log_probability = log_policy.gather(-1, some['action'].unsqueeze(-1)).squeeze(-1)
        ratio = (log_probability - some['log_probability']).exp()
        deviation, mean = torch.std_mean(some['gain'])
        gain = (mean - some['gain']) / (deviation + 1e-8)
        policy_loss = torch.maximum(gain * ratio, gain * ratio.clamp(1 - clip, 1 + clip)).mean()
        moved = some['value'] + (value - some['value']).clamp(-clip, clip)
        errors = torch.maximum((value - some['return']).square(), (moved - some['return']).square())
        negative_entropy = (log_policy.exp() * log_policy).sum(-1).mean()
        return (
            policy_loss
            + self._setting.baseline_cost * 0.5 * errors.mean()
            + self._setting.entropy_cost * negative_entropy
        )

    def close(self) -> None:
        """Nothing runs beside this process."""
