"""CleanRL's `ppo_procgen.py` (MIT, https://github.com/vwxyzjn/cleanrl) as published: its loop, written anew.

Kept as its authors write it: frames are stored and moved as float32, permuted to NCHW inside the network and divided by
255; `torch.distributions.Categorical` with its checks; one Python step of the wrappers for episode statistics, reward
normalisation and clipping; advantages by a loop over time; minibatches by a shuffled numpy index over single steps; the
clipped share read to the host after every minibatch; ProcGen in the same process with four threads of its own.
What is the setting's: games, number of environments, steps, minibatches, epochs, costs and learning rate.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions.categorical import Categorical

from rivals.loop import Setting
from rivals.procgen_vector import NUM_ACTIONS, ProcgenVector, load_library

PROCGEN_THREADS = 4
REWARD_CLIP = 10.0


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv0(F.relu(x))
        inner = self.conv1(F.relu(inner))
        return inner + x


class ConvSequence(nn.Module):
    """Convolution, pooling, two residual blocks."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.blocks = nn.Sequential(ResidualBlock(outputs), ResidualBlock(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(F.max_pool2d(self.conv(x), kernel_size=3, stride=2, padding=1))


def scaled(layer: nn.Linear, gain: float) -> nn.Linear:
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.constant_(layer.bias, 0.0)
    return layer


class Agent(nn.Module):
    """IMPALA's residual network with an actor and a critic."""

    def __init__(self, channels: list[int], features: int) -> None:
        super().__init__()
        side = 64 >> len(channels)
        inputs = [3, *channels[:-1]]
        self.network = nn.Sequential(
            *(ConvSequence(i, o) for i, o in zip(inputs, channels, strict=True)),
            nn.Flatten(),
            nn.ReLU(),
            nn.Linear(channels[-1] * side * side, features),
            nn.ReLU(),
        )
        self.actor = scaled(nn.Linear(features, NUM_ACTIONS), 0.01)
        self.critic = scaled(nn.Linear(features, 1), 1.0)

    def hidden(self, x: Tensor) -> Tensor:
        return self.network(x.permute((0, 3, 1, 2)) / 255.0)

    def value(self, x: Tensor) -> Tensor:
        return self.critic(self.hidden(x))

    def act(self, x: Tensor, action: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Action, its log-probability, entropy, value."""
        hidden = self.hidden(x)
        policy = Categorical(logits=self.actor(hidden))
        if action is None:
            action = policy.sample()
        return action, policy.log_prob(action), policy.entropy(), self.critic(hidden)


class Wrapped:
    """Gym's wrappers around the vector: episode statistics, rewards over their return's deviation, clipped."""

    def __init__(self, envs: ProcgenVector, discount: float) -> None:
        self._envs, self._discount = envs, discount
        count = envs.num_envs
        self._returns, self._lengths = np.zeros(count, np.float32), np.zeros(count, np.int32)
        self._discounted = np.zeros(count)
        self._mean, self._variance, self._count = 0.0, 1.0, 1e-4

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict]]:
        observation, reward, done = self._envs.step(actions)
        infos: list[dict] = [{} for _ in range(len(done))]
        self._returns += reward
        self._lengths += 1
        for index in range(len(done)):
            if done[index]:
                infos[index]['episode'] = {'r': self._returns[index], 'l': self._lengths[index]}
                self._returns[index] = 0
                self._lengths[index] = 0
        self._discounted = self._discounted * self._discount + reward
        self._track(self._discounted)
        self._discounted[done] = 0.0
        scaled_reward = reward / np.sqrt(self._variance + 1e-8)
        return observation, np.clip(scaled_reward, -REWARD_CLIP, REWARD_CLIP), done, infos

    def _track(self, values: np.ndarray) -> None:
        mean, variance, count = values.mean(), values.var(), len(values)
        delta, total = mean - self._mean, self._count + count
        moments = self._variance * self._count + variance * count + delta**2 * self._count * count / total
        self._mean, self._variance, self._count = self._mean + delta * count / total, moments / total, total


class Loop:
    """One unit of `run` is an iteration: a rollout, then all epochs over it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        torch.manual_seed(1)
        np.random.seed(1)
        spec, count, steps = setting.spec, setting.num_envs, setting.unroll_length
        vector = ProcgenVector(load_library(spec), spec, range(count), PROCGEN_THREADS)
        self._envs = Wrapped(vector, setting.discount)
        self._agent = Agent(setting.sizes['channels'], setting.sizes['feature_dim'])
        self._optimizer = torch.optim.Adam(
            self._agent.parameters(), lr=setting.learning_rate, eps=setting.adam_epsilon
        )
        self._obs = torch.zeros((steps, count, 64, 64, 3))
        self._actions, self._logprobs, self._rewards, self._dones, self._values = (
            torch.zeros((steps, count)) for _ in range(5)
        )
        self._next_obs = torch.Tensor(vector.observation.copy())
        self._next_done = torch.zeros(count)
        self.parameters = sum(p.numel() for p in self._agent.parameters())

    def run(self, updates: int) -> int:
        for _ in range(updates):
            self._collect()
            self._learn(*self._advantages())
        return updates * self._setting.num_envs * self._setting.unroll_length

    def _collect(self) -> None:
        for step in range(self._setting.unroll_length):
            self._obs[step] = self._next_obs
            self._dones[step] = self._next_done
            with torch.no_grad():
                action, logprob, _, value = self._agent.act(self._next_obs)
                self._values[step] = value.flatten()
            self._actions[step] = action
            self._logprobs[step] = logprob
            observation, reward, done, infos = self._envs.step(action.cpu().numpy())
            self._rewards[step] = torch.tensor(reward).view(-1)
            self._next_obs, self._next_done = torch.Tensor(observation), torch.Tensor(done)
            for info in infos:
                if 'episode' in info:
                    self.last_return = float(info['episode']['r'])
                    break

    def _advantages(self) -> tuple[Tensor, Tensor]:
        discount, decay = self._setting.discount, self._setting.lambda_
        with torch.no_grad():
            next_value = self._agent.value(self._next_obs).reshape(1, -1)
            advantages = torch.zeros_like(self._rewards)
            last: Tensor | float = 0.0
            steps = self._setting.unroll_length
            for t in reversed(range(steps)):
                is_last = t == steps - 1
                going_on = 1.0 - (self._next_done if is_last else self._dones[t + 1])
                after = next_value if is_last else self._values[t + 1]
                delta = self._rewards[t] + discount * after * going_on - self._values[t]
                advantages[t] = last = delta + discount * decay * going_on * last
            return advantages, advantages + self._values

    def _learn(self, advantages: Tensor, returns: Tensor) -> None:
        setting = self._setting
        obs = self._obs.reshape(-1, 64, 64, 3)
        logprobs, actions, values = (x.reshape(-1) for x in (self._logprobs, self._actions, self._values))
        advantages, returns = advantages.reshape(-1), returns.reshape(-1)
        size, minibatch = len(obs), setting.batch_size * setting.unroll_length
        indices = np.arange(size)
        clipped = []
        for _ in range(setting.passes):
            np.random.shuffle(indices)
            for start in range(0, size, minibatch):
                some = indices[start : start + minibatch]
                _, logprob, entropy, value = self._agent.act(obs[some], actions.long()[some])
                logratio = logprob - logprobs[some]
                ratio = logratio.exp()
                with torch.no_grad():
                    self.kl = (-logratio).mean(), ((ratio - 1) - logratio).mean()
                    clipped.append(((ratio - 1.0).abs() > setting.clip).float().mean().item())
                gain = advantages[some]
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                bounded = torch.clamp(ratio, 1 - setting.clip, 1 + setting.clip)
                policy_loss = torch.max(-gain * ratio, -gain * bounded).mean()
                value = value.view(-1)
                moved = values[some] + torch.clamp(value - values[some], -setting.clip, setting.clip)
                errors = torch.max((value - returns[some]) ** 2, (moved - returns[some]) ** 2)
                value_loss = 0.5 * errors.mean()
                loss = (
                    policy_loss - setting.entropy_cost * entropy.mean() + value_loss * setting.baseline_cost
                )
                self._optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self._agent.parameters(), setting.max_grad_norm)
                self._optimizer.step()
        self.losses = loss.item(), value_loss.item(), policy_loss.item(), float(np.mean(clipped))
        if not np.isfinite(self.losses).all():
            raise ValueError(f'losses must be finite, got {self.losses}')

    def close(self) -> None:
        """Nothing runs beside this process."""
