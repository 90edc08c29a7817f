"""Checks a ProcGen spec completely: the native library ends its process on most faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..fields import INT32_MAX, SpecFields
from .catalog import EXPLORATION_LEVELS, GAME_MICROSECONDS, GAMES, MODE_GAMES, NATIVE_MODES

MAX_HOSTS = 1024
FLAGS = (
    'center_agent',
    'use_backgrounds',
    'restrict_themes',
    'use_monochrome_assets',
    'use_generated_assets',
    'paint_vel_info',
    'use_sequential_levels',
)


@dataclass(frozen=True, kw_only=True)
class ProcgenSpec:
    """A spec that the native library accepts."""

    games: tuple[str, ...]
    """The game of each slot."""
    num_groups: int
    num_hosts: int
    distribution_mode: str
    num_levels: int
    start_level: int
    flags: Mapping[str, bool]
    seed: int
    library: Path
    host_timeout_seconds: float

    def identity(self) -> dict[str, Any]:
        """What a state belongs to; hosts, groups and seed may differ where it is restored."""
        return {
            'kind': 'procgen',
            'num_envs': len(self.games),
            'games': list(self.games),
            'distribution_mode': self.distribution_mode,
            'num_levels': self.num_levels,
            'start_level': self.start_level,
            **self.flags,
        }

    def native_options(self, game: str) -> dict[str, int | bool]:
        """The library's options for slots of one game, without its name, seed and paths."""
        exploration = self.distribution_mode == 'exploration'
        return {
            **self.flags,
            'distribution_mode': NATIVE_MODES[self.distribution_mode],
            'num_levels': 1 if exploration else self.num_levels,
            'start_level': EXPLORATION_LEVELS[game] if exploration else self.start_level,
        }


def parse_spec(spec: Mapping[str, Any]) -> ProcgenSpec:
    """The checked form of a spec; raises `EnvError` naming every fault at once."""
    fields = SpecFields('procgen pool', spec)
    num_envs, num_groups = fields.slots_and_groups()
    num_hosts = fields.integer('num_hosts', 1, MAX_HOSTS)
    games = fields.texts('games')
    mode = fields.text('distribution_mode')
    num_levels = fields.integer('num_levels', 0, INT32_MAX)
    start_level = fields.integer('start_level', 0, INT32_MAX)
    flags = {name: fields.boolean(name) for name in FLAGS}
    seed = fields.integer('seed', 0, INT32_MAX)
    library = fields.text('library')
    host_timeout_seconds = fields.seconds('host_timeout_seconds')
    _check_games(fields, games, mode)
    _check_levels(fields, mode, num_levels, start_level)
    if games and len(games) > num_envs:
        fields.fault(
            'ENV_OPTION',
            f'num_envs must be at least the number of games ({len(games)}), got {num_envs}',
            'Raise num_envs, or name fewer games.',
        )
    if num_hosts > num_envs:
        fields.fault(
            'ENV_OPTION', f'num_hosts must be at most num_envs ({num_envs}), got {num_hosts}', 'Lower it.'
        )
    fields.finish()
    return ProcgenSpec(
        games=tuple(games[slot % len(games)] for slot in range(num_envs)),
        num_groups=num_groups,
        num_hosts=num_hosts,
        distribution_mode=mode,
        num_levels=num_levels,
        start_level=start_level,
        flags=flags,
        seed=seed,
        library=Path(library),
        host_timeout_seconds=host_timeout_seconds,
    )


def _check_games(fields: SpecFields, games: tuple[str, ...], mode: str) -> None:
    unknown = [game for game in dict.fromkeys(games) if game not in GAMES]
    if unknown:
        fields.fault(
            'ENV_UNKNOWN_GAME',
            f'games must be among {", ".join(GAMES)}, got {", ".join(map(repr, unknown))}',
            'Name games of that list.',
        )
    if mode not in MODE_GAMES:
        if mode:
            fields.fault(
                'ENV_UNKNOWN_MODE',
                f'distribution_mode must be one of {", ".join(MODE_GAMES)}, got {mode!r}',
                'Name one of them.',
            )
        return
    without = [game for game in dict.fromkeys(games) if game in GAMES and game not in MODE_GAMES[mode]]
    if without:
        fields.fault(
            'ENV_UNKNOWN_MODE',
            f'distribution_mode {mode!r} exists for {", ".join(MODE_GAMES[mode])}, got {", ".join(without)}',
            f'Leave out {", ".join(without)}, or choose easy or hard.',
        )


def _check_levels(fields: SpecFields, mode: str, num_levels: int, start_level: int) -> None:
    if mode == 'exploration' and (num_levels or start_level):
        fields.fault(
            'ENV_OPTION',
            f'num_levels and start_level must be 0 in exploration mode, got {num_levels} and {start_level}',
            'Set both to 0: that mode has one fixed level a game.',
        )
    elif num_levels == 0 and start_level:
        fields.fault(
            'ENV_OPTION',
            f'start_level must be 0 where num_levels is 0 (all levels), got {start_level}',
            'Set start_level to 0, or say how many levels follow it.',
        )
    if start_level + num_levels > INT32_MAX:
        fields.fault(
            'ENV_OPTION',
            f'start_level + num_levels must be at most {INT32_MAX}, got {start_level + num_levels}',
            'Lower one of them.',
        )


def share_slots(spec: ProcgenSpec) -> list[list[list[range]]]:
    """Runs of slots by host and group, `[host][group][...]`: each group costs every host about the same.

    A run is one native instance, which steps its slots in one call. With a multiple of num_hosts groups each belongs
    to one host, so that no host ever waits for another one. Else each host gets one run of every group, cut where
    the work so far comes nearest to even: a call costs more than half a slot that is out of balance.
    """
    shares: list[list[list[range]]] = [[[] for _ in range(spec.num_groups)] for _ in range(spec.num_hosts)]
    size = len(spec.games) // spec.num_groups
    work = [GAME_MICROSECONDS[game] for game in spec.games]
    done = [0.0] * spec.num_hosts
    for group in range(spec.num_groups):
        start, stop = group * size, (group + 1) * size
        if spec.num_groups % spec.num_hosts == 0:
            shares[group % spec.num_hosts][group] += _instances(spec, range(start, stop))
            continue
        fair = (sum(done) + sum(work[start:stop])) / spec.num_hosts
        for host in range(spec.num_hosts):
            end = stop if host == spec.num_hosts - 1 else _cut(work, start, stop, fair - done[host])
            done[host] += sum(work[start:end])
            shares[host][group] += _instances(spec, range(start, end))
            start = end
    return shares


def _cut(work: list[float], start: int, stop: int, wanted: float) -> int:
    """The end at which the work from `start` comes nearest to `wanted`."""
    end, total = start, 0.0
    while end < stop and total + work[end] / 2 < wanted:
        total += work[end]
        end += 1
    return end


def _instances(spec: ProcgenSpec, run: range) -> list[range]:
    """One instance for a run of slots, unless each needs its own."""
    # An instance has one set of levels, and in exploration mode each game has its own.
    if spec.distribution_mode == 'exploration' and len(set(spec.games)) > 1:
        return [range(slot, slot + 1) for slot in run]
    return [run] if run else []
