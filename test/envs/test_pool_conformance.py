"""What every pool promises, whatever plays behind it."""

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs import open_pool as open_pool_of_package

KINDS = ('catch', 'recall', 'gymnasium', 'procgen')
pytestmark = pytest.mark.parametrize('kind', KINDS)
STEPS = {'catch': 40, 'recall': 40, 'gymnasium': 60, 'procgen': 60}


def assert_equal_traces(one, other):
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def flip_byte(array):
    damaged = array.copy()
    damaged.reshape(-1).view(np.uint8)[3] ^= 1
    return damaged


def test_time_steps_have_the_shapes_and_dtypes_that_the_pool_names(kind, spec_of, open_pool):
    pool = open_pool(spec_of(kind, num_groups=2))
    for step in (pool.current(1), (pool.send(1, np.zeros(4, np.int64)), pool.receive(1))[1]):
        assert step.observation.shape == (4, *pool.observation_shape)
        assert step.observation.dtype == np.dtype(pool.observation_dtype)
        assert (step.reward.shape, step.reward.dtype) == ((4,), np.float32)
        assert (step.is_first.shape, step.is_first.dtype) == ((4,), np.bool_)
        assert not step.is_truncated.any()
    assert list(pool.slots(1)) == [4, 5, 6, 7]
    assert len(pool.games) == 8


def test_a_new_pool_stands_at_the_first_step_of_an_episode_in_every_slot(kind, spec_of, open_pool):
    step = open_pool(spec_of(kind)).current(0)
    assert step.is_first.all()
    assert not step.reward.any()
    assert step.observation.any()


def test_equal_specs_and_actions_give_equal_bits(kind, spec_of, open_pool, play):
    spec = spec_of(kind)
    one, other = open_pool(spec), open_pool(spec)
    assert_equal_traces(play(one, STEPS[kind]), play(other, STEPS[kind]))
    assert one.episodes() == other.episodes()


def test_another_seed_plays_other_episodes(kind, spec_of, open_pool, play):
    one, other = open_pool(spec_of(kind)), open_pool(spec_of(kind, seed=8))
    steps = STEPS[kind]
    assert (play(one, steps)['observation'] != play(other, steps)['observation']).any()


def test_a_slot_plays_the_same_whatever_the_number_of_groups(kind, spec_of, open_pool, play):
    whole, halves, quarters = (open_pool(spec_of(kind, num_groups=groups)) for groups in (1, 2, 4))
    trace = play(whole, STEPS[kind])
    assert_equal_traces(trace, play(halves, STEPS[kind]))
    assert_equal_traces(trace, play(quarters, STEPS[kind]))
    episodes = whole.episodes()
    assert episodes
    assert episodes == halves.episodes() == quarters.episodes()


def test_groups_may_be_stepped_unevenly(kind, spec_of, open_pool):
    even, uneven = open_pool(spec_of(kind, num_groups=2)), open_pool(spec_of(kind, num_groups=2))
    actions = np.zeros(4, np.int64)
    for pool, order in ((even, (0, 1, 0, 1)), (uneven, (1, 1, 0, 0))):
        for group in order:
            pool.send(group, actions)
            pool.receive(group)
    for group in (0, 1):
        np.testing.assert_array_equal(even.current(group).observation, uneven.current(group).observation)


def test_episode_records_agree_with_the_rewards_and_the_ends_that_were_seen(kind, spec_of, open_pool, play):
    pool = open_pool(spec_of(kind))
    trace = play(pool, 150)
    expected = []
    for slot in range(pool.num_envs):
        start = 0
        for end in np.flatnonzero(trace['is_first'][:, slot]):
            total = float(trace['reward'][start : end + 1, slot].astype(np.float64).sum())
            expected.append((int(end), slot, pool.games[slot], total, int(end) + 1 - start))
            start = end + 1
    episodes = pool.episodes()
    assert [(e.slot, e.game, e.episode_return, e.episode_length) for e in episodes] == [
        row[1:] for row in sorted(expected)
    ]
    assert episodes
    assert pool.episodes() == []


def test_a_restored_state_continues_bit_for_bit_in_another_pool(kind, spec_of, open_pool, play):
    original = open_pool(spec_of(kind))
    play(original, 17, seed=1)
    state = original.get_state()
    # A JSON-like copy through bytes, as a checkpoint makes it; other groups and another seed change nothing.
    stored = {
        name: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
        for name, array in state.items()
    }
    restored = open_pool(spec_of(kind, num_groups=2, **({'seed': 99} if kind == 'procgen' else {})))
    play(restored, 5, seed=2)
    restored.set_state(stored)
    for name in ('observation', 'reward', 'is_first'):
        halves = [getattr(restored.current(group), name) for group in (0, 1)]
        np.testing.assert_array_equal(getattr(original.current(0), name), np.concatenate(halves))
    assert_equal_traces(play(original, STEPS[kind], seed=3), play(restored, STEPS[kind], seed=3))
    assert original.episodes() == restored.episodes()


def test_taking_a_state_changes_nothing(kind, spec_of, open_pool, play):
    watched, left_alone = open_pool(spec_of(kind)), open_pool(spec_of(kind))
    watched.get_state()
    assert_equal_traces(play(watched, 20), play(left_alone, 20))


def test_a_damaged_state_is_refused_and_the_pool_goes_on(kind, spec_of, open_pool, play):
    pool = open_pool(spec_of(kind))
    state = pool.get_state()
    for name in ('observation', 'identity'):
        with pytest.raises(EnvError, match='checksum') as caught:
            pool.set_state({**state, name: flip_byte(state[name])})
        assert caught.value.code == 'ENV_STATE'
    with pytest.raises(EnvError, match='reward'):
        pool.set_state({name: array for name, array in state.items() if name != 'reward'})
    play(pool, 2)


def test_a_state_of_another_pool_is_refused_with_what_differs(kind, spec_of, open_pool):
    change = {
        'catch': {'rows': 7},
        'recall': {'delay': 4},
        'gymnasium': {'max_episode_steps': 7},
        'procgen': {'distribution_mode': 'hard'},
    }[kind]
    (name,) = change
    state = open_pool(spec_of(kind)).get_state()
    with pytest.raises(EnvError, match=name) as caught:
        open_pool(spec_of(kind, **change)).set_state(state)
    assert caught.value.code == 'ENV_STATE'


def test_restoring_drops_steps_in_flight(kind, spec_of, open_pool, play):
    pool, reference = open_pool(spec_of(kind, num_groups=2)), open_pool(spec_of(kind, num_groups=2))
    state = pool.get_state()
    pool.send(1, np.ones(4, np.int64))
    with pytest.raises(EnvError, match='group 1 is being stepped'):
        pool.get_state()
    pool.set_state(state)
    assert_equal_traces(play(pool, 20), play(reference, 20))
    assert pool.episodes() == reference.episodes()


def test_send_and_receive_must_alternate(kind, spec_of, open_pool):
    pool = open_pool(spec_of(kind))
    with pytest.raises(EnvError, match='group 0 awaits actions'):
        pool.receive(0)
    pool.send(0, np.zeros(8, np.int64))
    for call in (lambda: pool.send(0, np.zeros(8, np.int64)), lambda: pool.current(0)):
        with pytest.raises(EnvError, match='group 0 is being stepped') as caught:
            call()
        assert caught.value.code == 'ENV_ORDER'
    pool.receive(0)


def test_every_time_step_lies_in_the_pools_observations(kind, spec_of, open_pool):
    pool = open_pool(spec_of(kind, num_groups=2))
    seen = pool.observations
    assert (seen.shape, seen.dtype) == ((pool.num_envs, *pool.observation_shape), pool.observation_dtype)
    for group in (1, 0, 1):
        pool.send(group, np.full(4, 1), None)
        step, slots = pool.receive(group), pool.slots(group)
        assert pool.observations is seen
        assert step.observation.ctypes.data == seen[slots.start :].ctypes.data
        np.testing.assert_array_equal(pool.current(group).observation, seen[slots.start : slots.stop])


def test_wait_names_a_group_whose_step_is_done(kind, spec_of, open_pool):
    pool = open_pool(spec_of(kind, num_groups=4))
    with pytest.raises(EnvError, match='wait needs a group') as caught:
        pool.wait()
    assert caught.value.code == 'ENV_ORDER'
    for group in (2, 0):
        pool.send(group, np.zeros(2, np.int64))
    seen = []
    for _ in range(2):
        seen.append(pool.wait())
        pool.receive(seen[-1])
    assert sorted(seen) == [0, 2]


def test_rows_hold_what_the_steps_showed_and_are_used_again_only_when_nobody_holds_them(
    kind, spec_of, open_pool
):
    pool = open_pool(spec_of(kind, num_groups=2))
    rows = pool.observation_rows(3)
    if rows is None:
        pool.send(0, np.zeros(4, np.int64), 0)
        pool.receive(0)
        return
    assert rows.shape == (3, pool.num_envs, *pool.observation_shape)
    for row in (2, 0):
        for group in (1, 0):
            pool.send(group, np.full(4, 7), row)
            step = pool.receive(group)
            slots = pool.slots(group)
            np.testing.assert_array_equal(rows[row, slots.start : slots.stop], step.observation)
    first, held = rows.copy(), rows[0]
    others = [pool.observation_rows(3) for _ in range(2)]
    pool.send(0, np.zeros(4, np.int64), 0)
    np.testing.assert_array_equal(others[1][0, :4], pool.receive(0).observation)
    np.testing.assert_array_equal(held, first[0])
    addresses = {array.ctypes.data for array in (rows, *others)}
    assert len(addresses) == 3
    del rows, held, others
    assert pool.observation_rows(3).ctypes.data in addresses
    for row in (-1, 3):
        with pytest.raises(EnvError, match=r'row must be in \[0, 3\)') as caught:
            pool.send(0, np.zeros(4, np.int64), row)
        assert caught.value.code == 'ENV_OPTION'
    pool.send(0, np.zeros(4, np.int64))
    pool.receive(0)


@pytest.mark.parametrize(
    'actions',
    [np.full(8, -1), np.full(8, 99), np.zeros(7, np.int64), np.zeros(8), np.zeros((8, 1), np.int64)],
    ids=['negative', 'too large', 'too few', 'float', 'two axes'],
)
def test_actions_that_do_not_fit_are_refused_and_change_nothing(kind, actions, spec_of, open_pool):
    pool = open_pool(spec_of(kind))
    with pytest.raises(EnvError, match='action') as caught:
        pool.send(0, actions)
    assert caught.value.code == 'ENV_ACTION'
    pool.send(0, np.zeros(8, np.int32))
    pool.receive(0)


def test_a_group_that_does_not_exist_is_refused(kind, spec_of, open_pool):
    pool = open_pool(spec_of(kind))
    for group in (-1, 1):
        with pytest.raises(EnvError, match='group must be in'):
            pool.current(group)


def test_closing_twice_is_harmless_and_a_closed_pool_says_so(kind, spec_of, open_pool):
    pool = open_pool(spec_of(kind))
    pool.close()
    pool.close()
    for call in (lambda: pool.current(0), pool.get_state, lambda: pool.send(0, np.zeros(8, np.int64))):
        with pytest.raises(EnvError, match='closed') as caught:
            call()
        assert caught.value.code == 'ENV_ORDER'


def test_every_fault_of_a_spec_is_named_at_once(kind, spec_of):
    spec = {**spec_of(kind), 'num_envs': 0, 'seed': True, 'colour': 'red'}
    del spec['num_groups']
    with pytest.raises(EnvError) as caught:
        open_pool_of_package(spec)
    assert caught.value.code == 'ENV_OPTION'
    for part in ('num_envs', '[1, 65536], got 0', 'num_groups must be given', 'seed', 'got True', 'colour'):
        assert part in caught.value.message


def test_slots_must_divide_evenly_into_groups(kind, spec_of):
    with pytest.raises(EnvError, match=r'num_envs must be a multiple of num_groups \(3\), got 8'):
        open_pool_of_package(spec_of(kind, num_groups=3))


def test_an_unknown_kind_lists_the_kinds(kind, spec_of):
    with pytest.raises(EnvError, match='procgen, catch, recall') as caught:
        open_pool_of_package({**spec_of(kind), 'kind': 'chess'})
    assert caught.value.code == 'ENV_UNKNOWN_KIND'
