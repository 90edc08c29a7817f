"""IMPALA with PolyBeast's plan (batched inference for all actors in one process), as an expert tunes it for two cores.

TorchBeast: Apache-2.0, https://github.com/facebookresearch/torchbeast. On a CPU its threads only take each other's
cores, so that acting and learning take turns with all of them; two groups of slots are stepped by ProcGen's threads
while the network acts for the other one. Network, loss and optimizer step are those of `rivals/update.py`, which says
what is tuned there (the project's own kernels among it); buffers are made once, frames stay bytes, acting runs in
inference mode.
"""

from __future__ import annotations

import torch

from rivals.groups import Groups
from rivals.loop import Setting
from rivals.update import Costs, Network, Sizes, Update


class Loop:
    """One unit of `run` is an unroll with all its updates."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        torch.manual_seed(1)
        network = Network(Sizes(**{**setting.sizes, 'channels': tuple(setting.sizes['channels'])}))
        network.to(memory_format=torch.channels_last)
        costs = Costs(discount=setting.discount, baseline=setting.baseline_cost, entropy=setting.entropy_cost)
        self._update = Update(
            network,
            costs,
            max_grad_norm=setting.max_grad_norm,
            alpha=setting.alpha,
            epsilon=setting.epsilon,
        )
        self._groups = Groups(setting, network)
        self.parameters = sum(p.numel() for p in network.parameters())

    def run(self, updates: int) -> int:
        setting, groups = self._setting, self._groups
        for _ in range(updates):
            groups.collect()
            unroll = {
                'observation': groups.observation,
                'reward': groups.reward,
                'is_first': groups.is_first,
                'action': groups.action,
                'behaviour_logits': groups.behaviour_logits,
            }
            whole = setting.batch_size == setting.num_envs
            for at in range(0, setting.num_envs, setting.batch_size):
                columns = None if whole else torch.arange(at, at + setting.batch_size)
                loss, _ = self._update(unroll, groups.first_state, columns, setting.learning_rate)
                if loss != loss:
                    raise ValueError('the loss must be finite, got NaN')
        return updates * setting.num_envs * setting.unroll_length

    def close(self) -> None:
        """Nothing runs beside this process."""
