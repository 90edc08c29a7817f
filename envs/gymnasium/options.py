"""Checks the spec of a Gymnasium pool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..fields import INT32_MAX, SpecFields
from ..levels import LAST_LEVEL
from ..seeds import episode_seed

MAX_HOSTS = 1024


@dataclass(frozen=True, kw_only=True)
class GymnasiumSpec:
    """A spec whose every field is in range; whether the environment exists, its hosts find out."""

    env: str
    """`CartPole-v1`, `package.module:ClassOrFactory` or `/absolute/file.py:ClassOrFactory`."""
    kwargs: Mapping[str, Any]
    project: str
    """Folder of the user's project: the hosts run there, and modules are also looked for there."""
    num_envs: int
    num_groups: int
    num_hosts: int
    max_episode_steps: int
    """An episode of so many steps is truncated."""
    max_faults: int
    """So many faults of a slot without an episode that ends between them are an error."""
    step_timeout_seconds: float
    """For each reset and each step."""
    start_timeout_seconds: float
    """For the start of a host and for making each environment."""
    seed: int
    num_levels: int | None = None
    """Levels are seeds of `reset`: so many from `start_level` on, 0 for every one. None: episodes have no level."""
    start_level: int = 0

    def identity(self) -> dict[str, Any]:
        """What a state belongs to; hosts, groups, time-outs and folders may differ where it is restored."""
        levels = {} if self.num_levels is None else {'levels': [self.start_level, self.num_levels]}
        return {
            'kind': 'gymnasium',
            'num_envs': self.num_envs,
            'env': self.env.rpartition('/')[2],
            'kwargs': json.dumps(self.kwargs, sort_keys=True),
            'max_episode_steps': self.max_episode_steps,
            'seed': self.seed,
            **levels,
        }

    def next_level(self, slot: int, episode: int, queued: int) -> tuple[int, bool]:
        """The level of a slot's episode, -1 without levels, and whether it was queued; `queued` -1 draws one."""
        if queued >= 0:
            return queued, True
        if self.num_levels is None:
            return -1, False
        return self.start_level + self.seed_of(slot, episode) % (self.num_levels or LAST_LEVEL + 1), False

    def seed_of(self, slot: int, episode: int) -> int:
        """What `reset` of a slot's episode is given."""
        return episode_seed(self.seed, slot, episode)

    def shares(self) -> list[list[range]]:
        """Slots by host and group, `[host][group]`: every host gets an even part of each group."""
        size = self.num_envs // self.num_groups
        cuts = [size * host // self.num_hosts for host in range(self.num_hosts + 1)]
        return [
            [
                range(group * size + cuts[host], group * size + cuts[host + 1])
                for group in range(self.num_groups)
            ]
            for host in range(self.num_hosts)
        ]


def parse_spec(spec: Mapping[str, Any]) -> GymnasiumSpec:
    """The checked form of a spec; raises `EnvError` naming every fault at once."""
    fields = SpecFields('gymnasium pool', spec)
    num_envs, num_groups = fields.slots_and_groups()
    num_hosts = fields.integer('num_hosts', 1, MAX_HOSTS)
    if num_hosts * num_groups > num_envs:
        fields.fault(
            'ENV_OPTION',
            f'num_hosts must be at most num_envs / num_groups ({num_envs // max(1, num_groups)}), got {num_hosts}',
            'Lower it.',
        )
    kwargs = _kwargs(fields)
    parsed = GymnasiumSpec(
        env=fields.text('env'),
        kwargs=kwargs,
        project=fields.text('project'),
        num_envs=num_envs,
        num_groups=num_groups,
        num_hosts=num_hosts,
        max_episode_steps=fields.integer('max_episode_steps', 1, INT32_MAX),
        max_faults=fields.integer('max_faults', 1, INT32_MAX),
        step_timeout_seconds=fields.seconds('step_timeout_seconds'),
        start_timeout_seconds=fields.seconds('start_timeout_seconds'),
        seed=fields.integer('seed', 0, INT32_MAX),
        **_levels(fields),
    )
    fields.finish()
    return parsed


def _levels(fields: SpecFields) -> dict[str, int]:
    if not fields.has('num_levels') and not fields.has('start_level'):
        return {}
    count, start = (fields.integer(name, 0, LAST_LEVEL) for name in ('num_levels', 'start_level'))
    if start + count > LAST_LEVEL + 1 or (count == 0 and start != 0):
        fields.fault(
            'ENV_OPTION',
            f'start_level and num_levels must name levels in [0, {LAST_LEVEL}], got {start} and {count}',
            'Lower them; 0 levels are all there are, from 0 on.',
        )
    return {'num_levels': count, 'start_level': start}


def _kwargs(fields: SpecFields) -> dict[str, Any]:
    text = fields.text('kwargs')
    try:
        kwargs = json.loads(text)
    except json.JSONDecodeError:
        kwargs = None
    if not isinstance(kwargs, dict):
        fields.fault('ENV_OPTION', f'kwargs must be the JSON of an object, got {text!r}', 'Mend kwargs.')
        return {}
    return kwargs
