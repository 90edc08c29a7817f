"""What a policy is shown of an observation space and may do in an action space. Runs in a host."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from .misbehaviour import Misbehaviour

_WRAP = 'wrap it, for example with gymnasium.wrappers.FlattenObservation'


@dataclass(frozen=True, kw_only=True)
class Spaces:
    """The pool's side of an environment's spaces."""

    observation_shape: tuple[int, ...]
    observation_dtype: str
    """uint8 where the space is, else float32."""
    num_actions: int
    first_action: int
    """What the environment calls action 0."""
    one_hot: bool
    """The space is Discrete: observation n is shown as a row with 1 at `n - first_observation`."""
    first_observation: int
    native_dtype: str
    """What the environment itself must return."""

    def as_json(self) -> dict[str, Any]:
        """With lists for tuples."""
        return {**asdict(self), 'observation_shape': list(self.observation_shape)}

    def encode(self, observation: Any, call: str) -> np.ndarray:
        """`observation` as the pool shows it; raises `Misbehaviour` ENV_RESULT for another shape or dtype, or NaN."""
        if self.one_hot:
            return self._encode_one_hot(observation, call)
        array = np.asarray(observation)
        if array.dtype != np.dtype(self.native_dtype):
            raise Misbehaviour(
                'ENV_RESULT',
                f'{call} must return an observation of dtype {self.native_dtype}, got {array.dtype}: '
                f'return observation.astype(np.{self.native_dtype}), or change observation_space',
            )
        if array.shape != self.observation_shape and not (
            array.shape == () and self.observation_shape == (1,)
        ):
            raise Misbehaviour(
                'ENV_RESULT',
                f'{call} must return an observation of shape {self.observation_shape}, got {array.shape}',
            )
        # As it will be shown: a replay compares with that, and a double may have no float32.
        with np.errstate(over='ignore'):
            shown = array.astype(self.observation_dtype, copy=False)
        if not np.isfinite(shown).all():
            raise Misbehaviour(
                'ENV_RESULT',
                f'{call} must return observations that are finite in float32, got {_first_bad(array, shown)}',
            )
        return shown

    def _encode_one_hot(self, observation: Any, call: str) -> np.ndarray:
        size, start = self.observation_shape[0], self.first_observation
        is_integer = isinstance(observation, (int, np.integer)) or (
            isinstance(observation, np.ndarray) and observation.shape == () and observation.dtype.kind in 'iu'
        )
        if not is_integer or isinstance(observation, bool) or not start <= int(observation) < start + size:
            raise Misbehaviour(
                'ENV_RESULT',
                f'{call} must return an integer in [{start}, {start + size}) as observation, got {observation!r}',
            )
        row = np.zeros(size, np.float32)
        row[int(observation) - start] = 1
        return row


def _first_bad(array: np.ndarray, shown: np.ndarray) -> str:
    index = np.argwhere(~np.isfinite(shown))[0]
    return f'{array[tuple(index)]} at index {[int(i) for i in index]}'


def spaces_of(env: Any) -> Spaces:
    """Raises `Misbehaviour` ENV_SPACE for spaces that no pool offers."""
    actions, observations = env.action_space, env.observation_space
    if not isinstance(actions, spaces.Discrete):
        raise Misbehaviour(
            'ENV_SPACE',
            f'action_space must be Discrete, got {type(actions).__name__}: {_WRAP.split(",")[0]} so that it is',
        )
    common = {'num_actions': int(actions.n), 'first_action': int(actions.start)}
    if isinstance(observations, spaces.Discrete):
        return Spaces(
            observation_shape=(int(observations.n),),
            observation_dtype='float32',
            one_hot=True,
            first_observation=int(observations.start),
            native_dtype='int64',
            **common,
        )
    if not isinstance(observations, spaces.Box):
        raise Misbehaviour(
            'ENV_SPACE',
            f'observation_space must be Box or Discrete, got {type(observations).__name__}: {_WRAP}',
        )
    shape = observations.shape or (1,)
    if 0 in shape:
        raise Misbehaviour('ENV_SPACE', f'observation_space must not be empty, got shape {shape}')
    dtype = np.dtype(observations.dtype)
    return Spaces(
        observation_shape=tuple(int(size) for size in shape),
        observation_dtype='uint8' if dtype == np.uint8 else 'float32',
        one_hot=False,
        first_observation=0,
        native_dtype=dtype.name,
        **common,
    )
