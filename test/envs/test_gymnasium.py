"""The Gymnasium pool: spaces, truncation, and everything that an environment can do wrong."""

import os
import re
import runpy
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs import open_pool as open_pool_of_package
from srwm.envs.gymnasium.options import parse_spec

WALK = Path(__file__).parent / 'fixtures' / 'walk.py'
walk = SimpleNamespace(**runpy.run_path(str(WALK)))


@pytest.fixture
def walk_spec(spec_of):
    """A spec of four slots of `Walk`."""

    def make(name='Walk', **changes):
        return spec_of('gymnasium', **{'env': f'{WALK}:{name}', 'num_envs': 4, **changes})

    return make


def step(pool, *actions):
    """One step; copies of what came of it."""
    pool.send(0, np.array(actions))
    got = pool.receive(0)
    names = ('observation', 'reward', 'is_first', 'is_truncated', 'final_observation')
    return {name: getattr(got, name).copy() for name in names}


def places(seed, slot, episode):
    """Where `Walk` starts: what numpy draws from the slot's own seed."""
    spec_seed = parse_spec(seed).seed_of(slot, episode)
    rng, _ = walk.gym.utils.seeding.np_random(spec_seed)
    return float(rng.integers(1, 1000))


def test_an_episode_starts_from_its_slots_own_seed_and_ends_with_the_next_ones_first_observation(
    walk_spec, open_pool
):
    spec = walk_spec()
    pool = open_pool(spec)
    start = pool.current(0).observation.copy()
    assert start[:, 0].tolist() == [places(spec, slot, 0) for slot in range(4)]
    for _ in range(5):
        assert not step(pool, 0, 0, 1, 1)['is_first'].any()
    last = step(pool, 0, 0, 1, 1)
    assert last['is_first'].all()
    assert not last['is_truncated'].any()
    assert last['reward'].tolist() == (start[:, 0] + [-6, -6, 6, 6]).tolist()
    assert last['observation'].tolist() == [[places(spec, slot, 1), 0] for slot in range(4)]
    records = pool.episodes()
    assert [(e.game, e.episode_length, e.level, e.completed) for e in records] == [
        ('Walk', 6, -1, done) for done in (False, False, True, True)
    ]


@pytest.mark.parametrize(('kwargs', 'limit'), [('{"ends": "truncated"}', 99), ('{"ends": null}', 6)])
def test_a_limit_truncates_and_the_final_observation_is_shown(walk_spec, open_pool, kwargs, limit):
    pool = open_pool(walk_spec(kwargs=kwargs, max_episode_steps=limit))
    start = pool.current(0).observation.copy()
    for _ in range(5):
        assert not step(pool, 1, 1, 1, 1)['is_truncated'].any()
    last = step(pool, 1, 1, 1, 1)
    assert last['is_truncated'].all()
    assert last['is_first'].all()
    np.testing.assert_array_equal(last['final_observation'], np.add(start, 6))
    assert not step(pool, 1, 1, 1, 1)['is_truncated'].any()


def test_a_limit_at_the_step_that_terminates_is_no_truncation(walk_spec, open_pool):
    pool = open_pool(walk_spec(max_episode_steps=6))
    for _ in range(5):
        step(pool, 0, 0, 0, 0)
    last = step(pool, 0, 0, 0, 0)
    assert last['is_first'].all()
    assert not last['is_truncated'].any()


def test_discrete_observations_are_shown_as_rows_with_one_1_and_actions_count_from_0(walk_spec, open_pool):
    pool = open_pool(walk_spec('Corridor'))
    assert (pool.observation_shape, pool.observation_dtype, pool.num_actions) == ((4,), 'float32', 3)
    got = step(pool, 0, 1, 2, 2)
    np.testing.assert_array_equal(got['observation'], np.eye(4)[[0, 0, 1, 1]])
    assert got['reward'].tolist() == [-1, 0, 1, 1]
    step(pool, 1, 1, 2, 1)
    assert step(pool, 1, 1, 2, 1)['is_first'].tolist() == [False, False, True, False]


def test_hosts_change_nothing(walk_spec, open_pool, play):
    one, three = open_pool(walk_spec()), open_pool(walk_spec(num_hosts=3))
    for pool in (one, three):
        pool.num_actions = 2
    a, b = play(one, 20), play(three, 20)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    assert len(three.host_pids) == 3


CODES = {
    'raise': ('ENV_RAISED', f'step raised ValueError: the floor is lava at {WALK}:'),
    'sys_exit': ('ENV_RAISED', 'step raised SystemExit: enough'),
    'exit': ('ENV_DIED', 'exited with code 3. Its last output: giving up'),
    'segfault': ('ENV_DIED', 'was killed by signal 11 (SIGSEGV)'),
    'hang': ('ENV_TIMEOUT', 'step must return within 0.5 s, but did not'),
    'shape': ('ENV_RESULT', 'observation of shape (2,), got (3,)'),
    'dtype': ('ENV_RESULT', 'observation of dtype float32, got float64'),
    'nan': ('ENV_RESULT', 'finite in float32, got nan at index [1]'),
    'nan_reward': ('ENV_RESULT', 'finite in float32 as reward, got nan'),
    'text_reward': ('ENV_RESULT', "finite in float32 as reward, got 'much'"),
    'four_values': ('ENV_RESULT', '(observation, reward, terminated, truncated, info), got a tuple of 4'),
    'flag': ('ENV_RESULT', 'terminated as a bool, got None'),
    'info': ('ENV_RESULT', 'info as a dict, got NoneType'),
    'success': ('ENV_RESULT', 'info["is_success"] as a bool, got [True, False]'),
}


FATAL = ('exit', 'segfault', 'hang')


@pytest.mark.parametrize('hows', [[how for how in CODES if how not in FATAL], *([how] for how in FATAL)])
def test_a_fault_costs_its_slot_the_episode_and_the_others_nothing(walk_spec, open_pool, hows):
    spec = walk_spec(step_timeout_seconds=0.5, max_faults=99)
    pool, healthy = open_pool(spec), open_pool(spec)
    for number, how in enumerate(hows, 1):
        before = step(pool, 1, 1, 1, 1)['observation']
        step(healthy, 1, 1, 1, 1)
        got, wanted = step(pool, 0, walk.action_of(how), 1, 1), step(healthy, 0, 0, 1, 1)
        others = [0, 2, 3]
        for name in ('observation', 'reward', 'is_first', 'is_truncated'):
            np.testing.assert_array_equal(got[name][others], wanted[name][others], err_msg=name)
        # As if a limit had cut the episode where it was: that is where a value can be asked for.
        assert (got['reward'][1], got['is_first'][1], got['is_truncated'][1]) == (0, True, True)
        np.testing.assert_array_equal(got['final_observation'][1], before[1])
        assert got['observation'][1].tolist() == [places(spec, 1, number), 0]
        (fault,) = pool.faults()
        code, said = CODES[how]
        assert (fault.slot, fault.code, fault.count) == (1, code, number)
        assert said in fault.message
        assert '..' not in fault.message
        assert f'Walk: slot 1, episode {number - 1}: ' in fault.message
        assert pool.faults() == []
    # The episodes that faults ended are in no record.
    assert {(e.slot, e.episode_length) for e in pool.episodes()} <= {(0, 6), (2, 6), (3, 6)}
    for _ in range(6):
        step(pool, 1, 1, 1, 1)
    assert (1, 6) in [(e.slot, e.episode_length) for e in pool.episodes()]


def test_two_slots_of_two_groups_and_hosts_may_fail_at_once(walk_spec, open_pool):
    spec = walk_spec(num_envs=8, num_groups=2, num_hosts=2, step_timeout_seconds=0.5)
    pool = open_pool(spec)
    actions = np.zeros((2, 4), np.int64)
    actions[0, 1], actions[0, 3], actions[1, 0] = (walk.action_of(n) for n in ('exit', 'hang', 'segfault'))
    for group in (0, 1):
        pool.send(group, actions[group])
    got = [pool.receive(pool.wait()).is_truncated.tolist() for _ in range(2)]
    assert sorted(got) == [[False, True, False, True], [True, False, False, False]]
    assert sorted((fault.slot, fault.code) for fault in pool.faults()) == [
        (1, 'ENV_DIED'),
        (3, 'ENV_TIMEOUT'),
        (4, 'ENV_DIED'),
    ]
    for group in (0, 1):
        pool.send(group, np.zeros(4, np.int64))
        steps = pool.receive(group).observation[:, 1].tolist()
        assert steps == [[2, 1, 2, 1], [1, 2, 2, 2]][group]


def test_a_host_that_is_killed_between_two_steps_costs_one_slot_its_episode(walk_spec, open_pool):
    pool = open_pool(walk_spec())
    step(pool, 1, 1, 1, 1)
    os.kill(pool.host_pids[0], signal.SIGKILL)
    got = step(pool, 1, 1, 1, 1)
    assert got['observation'][1:, 1].tolist() == [2, 2, 2]
    (fault,) = pool.faults()
    assert fault.code == 'ENV_DIED'
    assert 'was killed by signal 9 (SIGKILL)' in fault.message


def test_a_failing_reset_keeps_the_episode_that_had_ended(walk_spec, open_pool):
    pool = open_pool(walk_spec(kwargs='{"fails_in_reset": [1], "length": 2}', num_envs=1))
    step(pool, 1)
    got = step(pool, 1)
    assert (got['is_first'][0], got['is_truncated'][0]) == (True, False)
    assert got['reward'][0] > 0
    assert [e.episode_length for e in pool.episodes()] == [2]
    (fault,) = pool.faults()
    assert 'reset raised RuntimeError: no episode 1' in fault.message


def test_faults_in_a_row_are_an_error_with_the_code_of_the_last(walk_spec, open_pool):
    pool = open_pool(walk_spec(max_faults=2))
    bad = walk.action_of('nan_reward')
    step(pool, bad, 0, 0, 0)
    for _ in range(6):
        step(pool, 0, 0, 0, 0)
    # An episode of slot 0 has ended by itself since: the count starts anew.
    step(pool, bad, 0, 0, 0)
    with pytest.raises(
        EnvError, match=r'slot 0, episode 3: step must .* reward, got nan \(2 faults in a row\)'
    ) as caught:
        step(pool, bad, 0, 0, 0)
    assert caught.value.code == 'ENV_RESULT'


def test_an_environment_that_fails_from_the_first_reset_on_never_opens(walk_spec):
    with pytest.raises(EnvError, match='reset raised RuntimeError: no episode 0') as caught:
        open_pool_of_package(walk_spec(kwargs='{"fails_in_reset": [0, 1, 2]}'))
    assert caught.value.code == 'ENV_RAISED'


@pytest.mark.parametrize(
    ('env', 'kwargs', 'code', 'said'),
    [
        ('Nowhere-v3', '{}', 'ENV_IMPORT', "Environment `Nowhere` doesn't exist"),
        ('no.such.module:Env', '{}', 'ENV_IMPORT', "No module named 'no'"),
        (f'{WALK}:Run', '{}', 'ENV_IMPORT', 'must hold Run, but it holds'),
        (f'{WALK.parent}/absent.py:Walk', '{}', 'ENV_IMPORT', 'must exist'),
        (f'{WALK}:WALK', '{}', 'ENV_IMPORT', 'must hold WALK'),
        (f'{WALK}:MISBEHAVIOURS', '{}', 'ENV_IMPORT', 'must be a class or a function, got tuple'),
        (f'{WALK}:not_an_env', '{}', 'ENV_IMPORT', 'must be a gymnasium.Env, got object without reset'),
        (f'{WALK}:Walk', '{"colour": 1}', 'ENV_IMPORT', "unexpected keyword argument 'colour'"),
        (f'{WALK}:make_dict_env', '{}', 'ENV_SPACE', 'observation_space must be Box or Discrete, got Dict'),
        (f'{WALK}:make_continuous_env', '{}', 'ENV_SPACE', 'action_space must be Discrete, got Box'),
    ],
)
def test_what_is_no_environment_for_a_pool_is_refused(walk_spec, env, kwargs, code, said):
    with pytest.raises(EnvError) as caught:
        open_pool_of_package(walk_spec(env=env, kwargs=kwargs))
    assert caught.value.code == code
    assert said in caught.value.message


def test_doubles_are_shown_as_float32_and_are_repeatable_after_a_restore(walk_spec, open_pool):
    pool, again = (open_pool(walk_spec('Precise')) for _ in range(2))
    step(pool, 0, 0, 0, 0)
    again.set_state(pool.get_state())
    assert again.faults() == []
    np.testing.assert_array_equal(
        step(again, 0, 0, 0, 0)['observation'], step(pool, 0, 0, 0, 0)['observation']
    )


@pytest.mark.parametrize(
    ('action', 'said'),
    [
        (1, r'observations that are finite in float32, got 1e\+300 at index \[1\]'),
        (2, r'finite in float32 as reward, got -1e\+300'),
        (3, r'finite in float32 as reward, got an integer of 16610 bits'),
    ],
)
def test_numbers_that_float32_does_not_hold_are_faults(walk_spec, open_pool, action, said):
    pool = open_pool(walk_spec('Precise'))
    step(pool, 0, action, 0, 0)
    (fault,) = pool.faults()
    assert (fault.slot, fault.code) == (1, 'ENV_RESULT')
    assert re.search(said, fault.message)


def test_an_environment_that_is_not_repeatable_begins_anew_after_a_restore(walk_spec, open_pool):
    pool = open_pool(walk_spec(kwargs='{"counts_across": true}'))
    step(pool, 1, 1, 1, 1)
    pool.set_state(pool.get_state())
    assert pool.current(0).is_first.all()
    assert pool.current(0).observation[:, 1].tolist() == [0, 0, 0, 0]
    faults = pool.faults()
    assert [(fault.slot, fault.code) for fault in faults] == [(slot, 'ENV_UNREPEATABLE') for slot in range(4)]
    for _ in range(6):
        step(pool, 1, 1, 1, 1)
    assert [e.episode_length for e in pool.episodes()] == [6, 6, 6, 6]


def test_the_library_is_nowhere_but_in_hosts(open_pool, walk_spec):
    import subprocess
    import sys

    code = f'import sys; from srwm.envs import open_pool; open_pool({walk_spec()!r}); print("gymnasium" in sys.modules)'
    env = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2] / 'py')}
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout == 'False\n'


def test_what_an_environment_prints_does_not_pile_up(walk_spec, open_pool):
    pool = open_pool(walk_spec(kwargs='{"talks": 100000}', num_envs=1))
    for _ in range(40):
        step(pool, 1)
    log = max(os.stat(f'/proc/{pool.host_pids[0]}/fd/{number}').st_size for number in (1, 2))
    assert log < 1 << 21
    step(pool, walk.action_of('exit'))
    (fault,) = pool.faults()
    assert fault.message.count('x') > 1000
    assert 'giving up' in fault.message
    assert len(fault.message) < 4000


def test_whoever_waits_hears_that_environments_move_on(walk_spec):
    heard = []
    pool = open_pool_of_package(walk_spec(), lambda: heard.append('opening'))
    try:
        assert heard
        pool.on_progress = lambda: heard.append('later')
        step(pool, 1, 1, 1, 1)
        pool.set_state(pool.get_state())
        assert heard.count('later') >= 2
    finally:
        pool.close()
