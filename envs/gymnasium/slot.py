"""One slot of a host: its environment, its episodes, and what it writes into shared memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .factory import make_env
from .memory import MAKING, REPLAYING, RESETTING, STEPPING
from .misbehaviour import Misbehaviour
from .options import GymnasiumSpec
from .spaces import Spaces, spaces_of

Watch = Callable[[int, int], None]
"""Told (slot, phase) before anything is asked of an environment, so that the pool knows who hangs or dies."""


class Slot:
    """Raises `Misbehaviour` wherever the environment breaks a rule, and whatever the environment raises."""

    def __init__(self, index: int, spec: GymnasiumSpec, factory: Callable[..., Any], watch: Watch) -> None:
        self.index = index
        self._spec = spec
        self._factory = factory
        self._watch = watch
        self._env: Any = None
        self._arrays: dict[str, np.ndarray] = {}
        self._length = 0
        self.make()

    def make(self) -> None:
        """A new environment in place of the one before, whose state nobody knows."""
        self._watch(self.index, MAKING)
        self.close()
        self._env = make_env(self._factory, self._spec.kwargs)
        self.spaces: Spaces = spaces_of(self._env)

    def close(self) -> None:
        """Closes the environment; that it fails at that is of no interest."""
        with contextlib.suppress(Exception):
            if self._env is not None:
                self._env.close()

    def use(self, arrays: dict[str, np.ndarray]) -> None:
        """Where the slot's values go, [num_envs, ...] each."""
        self._arrays = arrays

    def place(self, episode: int, level: int, actions: Sequence[int], *, queued: bool, verify: bool) -> None:
        """Brings the slot to where these actions of the episode lead; level -1 where there are none.

        With `verify` that must be what the shared observation says already.
        """
        self._watch(self.index, REPLAYING if verify else RESETTING)
        observation = self._reset(episode, level)
        for action in actions:
            self._watch(self.index, REPLAYING)
            observation, _, terminated, truncated, _ = self._ask(action)
            if terminated or truncated:
                raise self._unrepeatable('its episode ended earlier')
        shown = self._arrays['observation'][self.index]
        if verify and not np.array_equal(shown, observation.reshape(shown.shape)):
            raise self._unrepeatable('it showed something else')
        shown[...] = observation.reshape(shown.shape)
        self._arrays['episode'][self.index] = episode
        self._arrays['level'][self.index] = level
        self._arrays['queued'][self.index] = queued
        self._length = len(actions)

    def _unrepeatable(self, how: str) -> Misbehaviour:
        return Misbehaviour(
            'ENV_UNREPEATABLE',
            f'the same seed and actions must lead to where its episode was, but {how}: '
            'draw random numbers from self.np_random only, and keep nothing between episodes',
        )

    def step(self) -> None:
        """One step by the shared action; where it ends the episode, also the reset of the next."""
        i, arrays = self.index, self._arrays
        self._watch(i, STEPPING)
        observation, reward, terminated, truncated, info = self._ask(int(arrays['action'][i]))
        self._length += 1
        truncated = not terminated and (truncated or self._length >= self._spec.max_episode_steps)
        ended = terminated or truncated
        if truncated:
            arrays['final_observation'][i] = observation.reshape(arrays['final_observation'][i].shape)
        arrays['reward'][i] = reward
        arrays['is_first'][i] = ended
        arrays['is_truncated'][i] = truncated
        arrays['completed'][i] = _flag(info.get('is_success'))
        if ended:
            episode = int(arrays['episode'][i]) + 1
            self._watch(i, RESETTING)
            level, queued = self._spec.next_level(i, episode, int(arrays['next_level'][i]))
            observation = self._reset(episode, level)
            arrays['episode'][i], arrays['level'][i], arrays['queued'][i] = episode, level, queued
            self._length = 0
        arrays['observation'][i] = observation.reshape(arrays['observation'][i].shape)
        arrays['steps'][i] += 1

    def _reset(self, episode: int, level: int) -> np.ndarray:
        result = self._env.reset(seed=self._spec.seed_of(self.index, episode) if level < 0 else level)
        if not isinstance(result, tuple) or len(result) != 2:
            raise Misbehaviour('ENV_RESULT', f'reset must return (observation, info), got {_form(result)}')
        return self.spaces.encode(result[0], 'reset')

    def _ask(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        result = self._env.step(action + self.spaces.first_action)
        if not isinstance(result, tuple) or len(result) != 5:
            raise Misbehaviour(
                'ENV_RESULT',
                f'step must return (observation, reward, terminated, truncated, info), got {_form(result)}',
            )
        observation, reward, terminated, truncated, info = result
        for name, value in (('terminated', terminated), ('truncated', truncated)):
            if not isinstance(value, (bool, np.bool_)):
                raise Misbehaviour('ENV_RESULT', f'step must return {name} as a bool, got {value!r}')
        if not isinstance(info, dict):
            raise Misbehaviour('ENV_RESULT', f'step must return info as a dict, got {_form(info)}')
        return self.spaces.encode(observation, 'step'), _real(reward), bool(terminated), bool(truncated), info


def _real(reward: Any) -> float:
    is_real = isinstance(reward, (int, float, np.integer, np.floating)) or (
        isinstance(reward, np.ndarray) and reward.shape == () and reward.dtype.kind in 'fiu'
    )
    if not is_real or not abs(reward) <= _LARGEST:
        raise Misbehaviour(
            'ENV_RESULT',
            f'step must return a number that is finite in float32 as reward, got {_short(reward)}',
        )
    return float(reward)


def _flag(success: Any) -> bool:
    """Environments say it as a bool, as 0 or 1, or not at all."""
    if success is None or isinstance(success, bool):
        return bool(success)
    array = np.asarray(success)
    if array.size != 1 or array.dtype.kind not in 'biuf':
        raise Misbehaviour(
            'ENV_RESULT', f'step must return info["is_success"] as a bool, got {_short(success)}'
        )
    return bool(array.item())


_LARGEST = float(np.finfo(np.float32).max)


def _short(value: Any) -> str:
    """Python refuses to print integers of thousands of digits."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f'an integer of {value.bit_length()} bits'
    return repr(value)[:200]


def _form(value: Any) -> str:
    return f'a tuple of {len(value)}' if isinstance(value, tuple) else type(value).__name__
