"""A colleague's environment: walk to the end of a corridor whose better direction is drawn anew each episode."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Corridor(gym.Env):
    """Observation float32 [2]: where the agent stands, from -1 to 1, and which end is the right one."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, length: int = 4) -> None:
        self.length = length

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = 0
        self.right_end = int(self.np_random.choice([-1, 1]))
        return self.observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.place += 1 if action else -1
        ended = abs(self.place) == self.length
        reached = self.place == self.length * self.right_end
        return self.observe(), float(ended and reached), ended, False, {'is_success': reached}

    def observe(self) -> np.ndarray:
        return np.array([self.place / self.length, self.right_end], np.float32)
