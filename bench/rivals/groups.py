"""Collecting as the tuned rivals do it: two groups of slots, stepped by ProcGen's threads in turns with the network.

Rows are [T + 1, B]; row 0 of an unroll is the last row of the one before.
"""

from __future__ import annotations

import numpy as np
import torch

from rivals.loop import Setting
from rivals.procgen_vector import ProcgenVector, load_library
from rivals.update import Network

GROUPS = 2


class Groups:
    """Buffers of one unroll, and the environments that fill them."""

    def __init__(self, setting: Setting, network: Network) -> None:
        self._network, self._time = network, setting.unroll_length
        count, time = setting.num_envs, setting.unroll_length
        library = load_library(setting.spec)
        size = count // GROUPS
        self._slots = [slice(at, at + size) for at in range(0, count, size)]
        self._envs = [
            ProcgenVector(library, setting.spec, range(s.start, s.stop), setting.threads) for s in self._slots
        ]
        self.observation = torch.empty((time + 1, count, 64, 64, 3), dtype=torch.uint8)
        self.reward = torch.zeros((time + 1, count))
        self.is_first = torch.ones((time + 1, count), dtype=torch.bool)
        self.action = torch.zeros((time, count), dtype=torch.int64)
        self.behaviour_logits = torch.zeros((time, count, setting.sizes['num_actions']))
        self.log_probability = torch.zeros((time, count))
        self.values = torch.zeros((time, count))
        shapes = network.state_shapes(count)
        self._state = [torch.zeros(shape) for shape in shapes]
        self.first_state = [torch.zeros(shape) for shape in shapes]
        for slots, envs in zip(self._slots, self._envs, strict=True):
            self.observation[-1, slots] = torch.from_numpy(envs.observation)

    def collect(self) -> None:
        """Fills the rows of the next unroll."""
        for rows in (self.observation, self.reward, self.is_first):
            rows[0] = rows[-1]
        for first, now in zip(self.first_state, self._state, strict=True):
            first.copy_(now)
        for t in range(self._time):
            for group in range(GROUPS):
                if t > 0:
                    self._take(group, t)
                self._act(group, t)
        for group in range(GROUPS):
            self._take(group, self._time)

    def _take(self, group: int, t: int) -> None:
        slots, envs = self._slots[group], self._envs[group]
        envs.end()
        # Views of the memory that ProcGen writes: one copy into the row, none besides.
        self.observation[t, slots].numpy()[...] = envs.observation
        self.reward[t, slots].numpy()[...] = envs.reward
        self.is_first[t, slots].numpy()[...] = envs.done

    @torch.inference_mode()
    def _act(self, group: int, t: int) -> None:
        slots = self._slots[group]
        state = [s[slots] for s in self._state]
        logits, value, after = self._network(
            self.observation[t : t + 1, slots],
            self.reward[t : t + 1, slots],
            self.is_first[t : t + 1, slots],
            state,
        )
        noise = torch.empty_like(logits[0]).exponential_().log_()
        action = (logits[0] - noise).argmax(-1)
        self._envs[group].begin(action.numpy().astype(np.int32))
        # While the group steps:
        self.action[t, slots] = action
        self.behaviour_logits[t, slots] = logits[0]
        self.log_probability[t, slots] = (
            logits[0].log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)
        )
        self.values[t, slots] = value[0]
        for mine, new in zip(state, after, strict=True):
            mine.copy_(new)
