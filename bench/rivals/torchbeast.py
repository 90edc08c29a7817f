"""TorchBeast's MonoBeast (Apache-2.0, https://github.com/facebookresearch/torchbeast) as published: written anew.

Kept as its authors have it: an actor process for each environment, which runs the shared network on a batch of one
and writes every time step into one of the shared-memory buffers; queues of free and full buffers; learner threads
that stack full buffers into a batch, learn under a lock and copy the weights to the actors; one OpenMP thread a
process; NCHW, frames divided by 255 inside the network; V-trace by a loop over time. The network is PolyBeast's
residual one, which the paper uses, without a recurrent core. What is the setting's: games, number of environments,
unroll length, batch, costs, optimizer.

Between two calls of `run` the actors are stopped by a signal, so that the other side has the machine to itself.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import multiprocessing as mp

from rivals.loop import Setting
from rivals.procgen_vector import NUM_ACTIONS, ProcgenVector, load_library
from srwm.envs.processes import die_with_parent

LEARNER_THREADS = 2


class Net(nn.Module):
    """Residual network, clipped reward, policy and baseline; over [T, B] of everything."""

    def __init__(self, channels: list[int], features: int) -> None:
        super().__init__()
        self.convs, self.resnet1, self.resnet2 = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = 3
        for outputs in channels:
            pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
            self.convs.append(nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=1, padding=1), pool))
            for blocks in (self.resnet1, self.resnet2):
                blocks.append(
                    nn.Sequential(
                        nn.ReLU(),
                        nn.Conv2d(outputs, outputs, 3, stride=1, padding=1),
                        nn.ReLU(),
                        nn.Conv2d(outputs, outputs, 3, stride=1, padding=1),
                    )
                )
            inputs = outputs
        side = 64 >> len(channels)
        self.fc = nn.Linear(channels[-1] * side * side, features)
        self.policy = nn.Linear(features + 1, NUM_ACTIONS)
        self.baseline = nn.Linear(features + 1, 1)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = inputs['frame']
        time, batch, *_ = x.shape
        x = torch.flatten(x, 0, 1).float() / 255.0
        for conv, first, second in zip(self.convs, self.resnet1, self.resnet2, strict=True):
            x = conv(x)
            x = x + first(x)
            x = x + second(x)
        x = F.relu(self.fc(F.relu(x).view(time * batch, -1)))
        reward = torch.clamp(inputs['reward'], -1, 1).view(time * batch, 1)
        x = torch.cat([x, reward], dim=-1)
        logits, baseline = self.policy(x), self.baseline(x)
        action = torch.multinomial(F.softmax(logits, dim=1), num_samples=1)
        return {
            'policy_logits': logits.view(time, batch, NUM_ACTIONS),
            'baseline': baseline.view(time, batch),
            'action': action.view(time, batch),
        }


class Environment:
    """One game with its episode's counters, every value [1, 1, ...]."""

    def __init__(self, envs: ProcgenVector) -> None:
        self._envs = envs
        self._return, self._step = torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int32)

    def initial(self) -> dict[str, Tensor]:
        return self._output(self._envs.observation.copy(), 0.0, True, torch.zeros(1, 1, dtype=torch.int64))

    def step(self, action: Tensor) -> dict[str, Tensor]:
        observation, reward, done = self._envs.step(action.view(1).numpy())
        self._step = self._step + 1
        self._return = self._return + float(reward[0])
        output = self._output(observation, float(reward[0]), bool(done[0]), action)
        if done[0]:
            self._return, self._step = torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int32)
        return output

    def _output(self, observation: Any, reward: float, done: bool, action: Tensor) -> dict[str, Tensor]:
        # TorchBeast's wrapper turns frames to [C, Y, X] and copies them.
        frame = torch.from_numpy(observation).permute(0, 3, 1, 2).contiguous()
        return {
            'frame': frame.unsqueeze(0),
            'reward': torch.tensor(reward).view(1, 1),
            'done': torch.tensor(done).view(1, 1),
            'episode_return': self._return,
            'episode_step': self._step,
            'last_action': action,
        }


def act(setting: Setting, index: int, free: Any, full: Any, model: Net, buffers: dict, parent: int) -> None:
    """An actor process: unrolls into free buffers until told to end."""
    die_with_parent(parent)
    torch.manual_seed(index)
    library = load_library(setting.spec)
    env = Environment(ProcgenVector(library, setting.spec, [index], 0))
    output = env.initial()
    with torch.no_grad():
        agent = model(output)
    while (buffer := free.get()) is not None:
        for values in (output, agent):
            for key, value in values.items():
                buffers[key][buffer][0, ...] = value
        for t in range(setting.unroll_length):
            with torch.no_grad():
                agent = model(output)
            output = env.step(agent['action'])
            for values in (output, agent):
                for key, value in values.items():
                    buffers[key][buffer][t + 1, ...] = value
        full.put(buffer)


def make_buffers(setting: Setting, count: int) -> dict[str, list[Tensor]]:
    rows = setting.unroll_length + 1
    kinds = {
        'frame': ((3, 64, 64), torch.uint8),
        'reward': ((), torch.float32),
        'done': ((), torch.bool),
        'episode_return': ((), torch.float32),
        'episode_step': ((), torch.int32),
        'policy_logits': ((NUM_ACTIONS,), torch.float32),
        'baseline': ((), torch.float32),
        'last_action': ((), torch.int64),
        'action': ((), torch.int64),
    }
    return {
        name: [torch.empty((rows, *shape), dtype=dtype).share_memory_() for _ in range(count)]
        for name, (shape, dtype) in kinds.items()
    }


class Loop:
    """One unit of `run` is a step of a learner."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        # As MonoBeast sets OMP_NUM_THREADS=1: its processes and threads are what runs beside each other.
        torch.set_num_threads(1)
        torch.manual_seed(1)
        sizes = setting.sizes['channels'], setting.sizes['feature_dim']
        # Made and dropped: it loads the images that the actors then share.
        ProcgenVector(load_library(setting.spec), setting.spec, [0], 0)
        self._actor_model = Net(*sizes).share_memory()
        self._model = Net(*sizes)
        self._model.load_state_dict(self._actor_model.state_dict())
        self.parameters = sum(p.numel() for p in self._model.parameters())
        self._optimizer = torch.optim.RMSprop(
            self._model.parameters(), lr=setting.learning_rate, eps=setting.epsilon, alpha=setting.alpha
        )
        count = max(2 * setting.num_envs, setting.batch_size)
        self._buffers = make_buffers(setting, count)
        context = mp.get_context('fork')
        self._free, self._full = context.SimpleQueue(), context.SimpleQueue()
        arguments = (self._free, self._full, self._actor_model, self._buffers, os.getpid())
        self._actors = [
            context.Process(target=act, args=(setting, index, *arguments), daemon=True)
            for index in range(setting.num_envs)
        ]
        for actor in self._actors:
            actor.start()
        for buffer in range(count):
            self._free.put(buffer)
        self._queue_lock, self._learn_lock = threading.Lock(), threading.Lock()
        self._permits, self._learnt = threading.Semaphore(0), threading.Semaphore(0)
        self._failure: BaseException | None = None
        for _ in range(LEARNER_THREADS):
            threading.Thread(target=self._batch_and_learn, daemon=True).start()

    def run(self, updates: int) -> int:
        self._signal(signal.SIGCONT)
        for _ in range(updates):
            self._permits.release()
        for _ in range(updates):
            while not self._learnt.acquire(timeout=1.0):
                if not all(actor.is_alive() for actor in self._actors):
                    raise RuntimeError('an actor ended')
        self._signal(signal.SIGSTOP)
        if self._failure is not None:
            raise self._failure
        return updates * self._setting.batch_size * self._setting.unroll_length

    def _signal(self, number: signal.Signals) -> None:
        for actor in self._actors:
            if actor.pid is not None:
                os.kill(actor.pid, number)

    def _batch_and_learn(self) -> None:
        while True:
            self._permits.acquire()
            try:
                self._learn(self._batch())
            except BaseException as failure:  # noqa: BLE001 - reported by `run`.
                self._failure = failure
            self._learnt.release()

    def _batch(self) -> dict[str, Tensor]:
        with self._queue_lock:
            indices = [self._full.get() for _ in range(self._setting.batch_size)]
        batch = {
            key: torch.stack([buffers[index] for index in indices], dim=1)
            for key, buffers in self._buffers.items()
        }
        for index in indices:
            self._free.put(index)
        return batch

    def _learn(self, batch: dict[str, Tensor]) -> None:
        setting = self._setting
        with self._learn_lock:
            outputs = self._model(batch)
            bootstrap = outputs['baseline'][-1]
            batch = {key: value[1:] for key, value in batch.items()}
            outputs = {key: value[:-1] for key, value in outputs.items()}
            rewards = torch.clamp(batch['reward'], -1, 1)
            discounts = (~batch['done']).float() * setting.discount
            targets, advantages = from_logits(
                batch['policy_logits'],
                outputs['policy_logits'],
                batch['action'],
                discounts,
                rewards,
                outputs['baseline'],
                bootstrap,
            )
            policy_loss = -torch.sum(
                action_log_probabilities(outputs['policy_logits'], batch['action']) * advantages.detach()
            )
            baseline_loss = setting.baseline_cost * 0.5 * torch.sum((targets - outputs['baseline']) ** 2)
            policy = F.softmax(outputs['policy_logits'], dim=-1)
            log_policy = F.log_softmax(outputs['policy_logits'], dim=-1)
            entropy_loss = setting.entropy_cost * torch.sum(policy * log_policy)
            loss = policy_loss + baseline_loss + entropy_loss
            self.stats = {
                'episode_returns': tuple(batch['episode_return'][batch['done']].numpy()),
                'losses': (loss.item(), policy_loss.item(), baseline_loss.item(), entropy_loss.item()),
            }
            if self.stats['losses'][0] != self.stats['losses'][0]:
                raise ValueError('the loss must be finite, got NaN')
            self._optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._model.parameters(), setting.max_grad_norm)
            self._optimizer.step()
            self._actor_model.load_state_dict(self._model.state_dict())

    def close(self) -> None:
        self._signal(signal.SIGKILL)
        for actor in self._actors:
            actor.join()


def action_log_probabilities(logits: Tensor, actions: Tensor) -> Tensor:
    flat = F.nll_loss(
        F.log_softmax(torch.flatten(logits, 0, -2), dim=-1), torch.flatten(actions), reduction='none'
    )
    return -flat.view_as(actions)


@torch.no_grad()
def from_logits(
    behaviour_logits: Tensor,
    target_logits: Tensor,
    actions: Tensor,
    discounts: Tensor,
    rewards: Tensor,
    values: Tensor,
    bootstrap: Tensor,
) -> tuple[Tensor, Tensor]:
    """V-trace targets and advantages [T, B] (Espeholt et al. 2018, equation 1), ratios clipped at 1."""
    log_ratios = action_log_probabilities(target_logits, actions) - action_log_probabilities(
        behaviour_logits, actions
    )
    rhos = torch.exp(log_ratios)
    clipped = torch.clamp(rhos, max=1.0)
    traces = torch.clamp(rhos, max=1.0)
    after = torch.cat([values[1:], torch.unsqueeze(bootstrap, 0)], dim=0)
    deltas = clipped * (rewards + discounts * after - values)
    excess = torch.zeros_like(bootstrap)
    rows = []
    for t in range(discounts.shape[0] - 1, -1, -1):
        excess = deltas[t] + discounts[t] * traces[t] * excess
        rows.append(excess)
    rows.reverse()
    targets = torch.add(torch.stack(rows), values)
    broadcast = torch.ones_like(targets[0]) * bootstrap
    targets_after = torch.cat([targets[1:], broadcast.unsqueeze(0)], dim=0)
    return targets, clipped * (rewards + discounts * targets_after - values)
