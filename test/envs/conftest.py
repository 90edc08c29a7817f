"""Pool specs, and ProcGen's library where this machine has it."""

import os
from pathlib import Path

import numpy as np
import pytest

from srwm.envs import open_pool as open_pool_of_package

SPECS = {
    'catch': {
        'kind': 'catch',
        'num_envs': 8,
        'num_groups': 1,
        'rows': 6,
        'columns': 5,
        'blank': False,
        'seed': 7,
    },
    'recall': {
        'kind': 'recall',
        'num_envs': 8,
        'num_groups': 1,
        'num_cues': 4,
        'delay': 3,
        'blank': False,
        'seed': 7,
    },
    'gymnasium': {
        'kind': 'gymnasium',
        'env': 'CartPole-v1',
        'kwargs': '{}',
        'project': str(Path(__file__).parents[2]),
        'num_envs': 8,
        'num_groups': 1,
        'num_hosts': 1,
        'max_episode_steps': 1000,
        'max_faults': 3,
        'step_timeout_seconds': 60.0,
        'start_timeout_seconds': 60.0,
        'seed': 7,
    },
    'procgen': {
        'kind': 'procgen',
        'games': ['leaper', 'maze', 'bigfish'],
        'num_envs': 8,
        'num_hosts': 2,
        'num_groups': 1,
        'distribution_mode': 'easy',
        'num_levels': 50,
        'start_level': 1000,
        'center_agent': True,
        'use_backgrounds': True,
        'restrict_themes': False,
        'use_monochrome_assets': False,
        'use_generated_assets': False,
        'paint_vel_info': False,
        'use_sequential_levels': False,
        'seed': 7,
        'host_timeout_seconds': 60.0,
    },
}


def find_library():
    """The unpacked `procgen/data` folder that SRWM_PROCGEN names or set-up left in the cache, or None."""
    named = os.environ.get('SRWM_PROCGEN')
    shared = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'srwm')
    cache = Path(os.environ.get('SRWM_CACHE') or shared)
    found = [Path(named)] if named else sorted(cache.glob('procgen-*/data'))
    return next((path for path in found if (path / 'prebuilt' / 'libenv.so').exists()), None)


@pytest.fixture(scope='session')
def library():
    path = find_library()
    if path is None:
        pytest.skip(
            'ProcGen is not here: run `npx srwm setup`, or `python -m srwm.envs.procgen.install --cache DIR` '
            'and set SRWM_PROCGEN=DIR/procgen-<hash>/data'
        )
    return path


@pytest.fixture(scope='session')
def warm_library(library):
    """Keeps one pool open, so that the games' images are loaded once for all tests."""
    pool = open_pool_of_package({**SPECS['procgen'], 'num_hosts': 1, 'library': str(library)})
    yield library
    pool.close()


@pytest.fixture
def spec_of(request):
    """Returns a valid spec of a kind with some fields changed."""

    def make(kind, **changes):
        spec = {**SPECS[kind], **changes}
        if kind == 'procgen' and 'library' not in changes:
            spec['library'] = str(request.getfixturevalue('warm_library'))
        return spec

    return make


@pytest.fixture
def open_pool():
    """Opens pools that are closed when the test ends."""
    pools = []

    def make(spec):
        pools.append(open_pool_of_package(spec))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def play():
    """Steps a pool with fixed random actions; returns copies of all that it said, by slot."""

    def run(pool, steps, seed=0):
        actions = np.random.default_rng(seed).integers(0, pool.num_actions, (steps, pool.num_envs))
        trace = []
        for row in actions:
            for group in range(pool.num_groups):
                slots = pool.slots(group)
                pool.send(group, row[slots.start : slots.stop])
            received = [pool.receive(group) for group in range(pool.num_groups)]
            trace.append(
                {
                    'observation': np.concatenate([step.observation for step in received]),
                    'reward': np.concatenate([step.reward for step in received]),
                    'is_first': np.concatenate([step.is_first for step in received]),
                    'level': pool.levels(),
                }
            )
        return {name: np.stack([step[name] for step in trace]) for name in trace[0]}

    return run
