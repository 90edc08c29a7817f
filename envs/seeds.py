"""Seeds for slots and episodes: fixed functions of the one seed that a pool is given."""

from __future__ import annotations

_MASK = 2**64 - 1


def splitmix64(z: int) -> int:
    """SplitMix64's finalizer (Steele et al. 2014): unsigned 64 bits in and out."""
    z = (z + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def slot_seed(seed: int, slot: int) -> int:
    """The seed of a slot in [0, 2^31).

    It depends on nothing else, so that a slot plays the same whatever the number of hosts, groups and slots.
    """
    return splitmix64((seed << 32) + slot) >> 33


def episode_seed(seed: int, slot: int, episode: int) -> int:
    """The seed of a slot's episode number `episode` in [0, 2^31), likewise."""
    return splitmix64((slot_seed(seed, slot) << 32) ^ episode) >> 33
