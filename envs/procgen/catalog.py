"""What ProcGen 0.10.7 offers, and the fingerprints of the one build of it that is used."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WHEEL_REQUIREMENT = 'procgen==0.10.7'
WHEEL_SHA256 = '4b594d14e42f0f2166e59a9e294477b906eb99c90c3343b570b7124cbc865f53'
LIBRARY_SHA256 = 'f44786431a902e9ae1a32cd44f4aa650f4bdad893240a322e49e6098d6a7a2ea'

ASSET_FILES = 1289

NUM_ACTIONS = 15
OBSERVATION_SHAPE = (64, 64, 3)

GAME_MICROSECONDS: Mapping[str, float] = MappingProxyType(
    {
        'bigfish': 12.5,
        'bossfight': 60.0,
        'caveflyer': 24.0,
        'chaser': 17.0,
        'climber': 22.0,
        'coinrun': 34.0,
        'dodgeball': 20.0,
        'fruitbot': 26.0,
        'heist': 17.0,
        'jumper': 38.0,
        'leaper': 20.0,
        'maze': 26.0,
        'miner': 26.0,
        'ninja': 23.0,
        'plunder': 12.0,
        'starpilot': 15.0,
    }
)
"""Measured cost of one step in easy mode; only its ratios matter, for sharing slots out to hosts."""

GAMES = tuple(GAME_MICROSECONDS)

MODE_GAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        'easy': GAMES,
        'hard': GAMES,
        'extreme': ('chaser', 'dodgeball', 'leaper', 'starpilot'),
        'memory': ('caveflyer', 'dodgeball', 'heist', 'jumper', 'maze', 'miner'),
        'exploration': ('caveflyer', 'climber', 'coinrun', 'heist', 'jumper', 'leaper', 'maze', 'ninja'),
    }
)

NATIVE_MODES: Mapping[str, int] = MappingProxyType(
    {'easy': 0, 'hard': 1, 'extreme': 2, 'memory': 10, 'exploration': 1}
)

EXPLORATION_LEVELS: Mapping[str, int] = MappingProxyType(
    {
        'caveflyer': 1259048185,
        'climber': 1561126160,
        'coinrun': 1949448038,
        'heist': 876640971,
        'jumper': 1434825276,
        'leaper': 1318677581,
        'maze': 158988835,
        'ninja': 1123500215,
    }
)
"""Exploration is hard mode with one fixed level of each game."""
