"""What every pool of environments offers: time steps by groups of slots, episode records, exact states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True)
class TimeStep:
    """What `n` slots returned; the arrays are views that stay valid until the group's next `send`."""

    observation: np.ndarray
    """[n, ...] in the pool's `observation_shape` and `observation_dtype`."""
    reward: np.ndarray
    """[n] float32, raw, of the transition that led here."""
    is_first: np.ndarray
    """[n] bool: this observation opens an episode, and `reward` is the last of the episode before."""
    is_truncated: np.ndarray
    """[n] bool: a limit cut the episode before short; never set where the environment does not tell."""
    final_observation: np.ndarray | None = None
    """[n, ...]: what a slot showed last, where is_truncated; None for a pool that never sets that."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One finished environment episode."""

    slot: int
    game: str
    episode_return: float
    """Sum of the raw rewards."""
    episode_length: int
    level: int
    """The level just played; -1 where the environment has none."""
    completed: bool
    """The environment's own word for success."""
    queued: bool
    """The level was taken from the slot's queue, and the episode began in the state of a fresh slot."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of one slot's environment that cost its episode and nothing else."""

    slot: int
    code: str
    message: str
    """One sentence: which slot, what was required, what came, where."""
    count: int
    """Faults of this slot since its run began."""


Progress = Callable[[], None]


def unheard() -> None:
    """A `Progress` that nobody listens to."""


class Pool(Protocol):
    """`num_envs` slots in `num_groups` groups of equal size; a group's slots are contiguous.

    At any time a group either awaits actions (`current`, `send`) or is being stepped (`receive`).
    The step that ends an episode returns the next episode's first observation.
    """

    on_progress: Progress
    """Called while a call waits for environments that move on, so that nobody takes it for hung. Set it at any time."""
    num_envs: int
    num_groups: int
    num_actions: int
    observation_shape: tuple[int, ...]
    observation_dtype: str
    truncates: bool
    """Whether `is_truncated` is ever set; then every time step has a `final_observation`."""
    games: list[str]
    """The game of each slot."""
    observations: np.ndarray
    """[num_envs, ...]: where every time step's observation lies, for the life of the pool. `send` gives a group's
    part away until `receive`."""

    def slots(self, group: int) -> range:
        """The slots of a group."""
        ...

    def current(self, group: int) -> TimeStep:
        """The time step that awaits an action."""
        ...

    def observation_rows(self, count: int) -> np.ndarray | None:
        """Memory [count, num_envs, ...] that steps can be written to, or None where a pool has none to offer.

        Its pages are used again when nobody holds the array (a tensor over it included).
        """
        ...

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        """Starts one step of a group with integer actions [n] and returns at once.

        With `row` the step's observations also go to that row of the last `observation_rows`.
        """
        ...

    def wait(self) -> int:
        """Waits until the step of some group in flight is done, and returns that group for `receive`."""
        ...

    def receive(self, group: int) -> TimeStep:
        """Waits for the step that `send` started."""
        ...

    def levels(self) -> np.ndarray:
        """The level each slot is in, [num_envs] int64; -1 where the environment has none."""
        ...

    def queue_levels(self, orders: Sequence[Mapping[str, Any]]) -> None:
        """Gives slots queues of levels: `slot`, `levels`, `restart` each (see `LevelOrder`).

        At an episode's end the slot takes the next level from its queue, in the state of a fresh slot; while
        the queue is empty the environment draws by itself, the same levels as if it had drawn all along.
        Queues are part of the state. Every group must have been received. Raises `EnvError` ENV_NO_LEVELS
        where levels cannot be chosen.
        """
        ...

    def episodes(self) -> list[Episode]:
        """The episodes that ended since the last call, ordered by step, then slot."""
        ...

    def faults(self) -> list[Fault]:
        """Faults of environments since the last call; each cost its slot's episode, and the pool goes on."""
        ...

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that the future depends on; every group must have been received."""
        ...

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continues from a state of an equally specified pool, bit for bit; steps in flight are dropped."""
        ...

    def close(self) -> None:
        """Frees everything; closing again does nothing."""
        ...
