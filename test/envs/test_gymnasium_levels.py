"""Levels of a Gymnasium environment: seeds of its reset, drawn or queued, and what faults do to them."""

import os
import runpy
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from srwm.envs import EnvError

WALK = Path(__file__).parent / 'fixtures' / 'walk.py'
walk = SimpleNamespace(**runpy.run_path(str(WALK)))

LEVELS = {'num_levels': 10, 'start_level': 100}


@pytest.fixture
def walk_spec(spec_of):
    """A spec of four slots of `Walk` with ten levels; an episode has six steps."""

    def make(**changes):
        return spec_of('gymnasium', **{'env': f'{WALK}:Walk', 'num_envs': 4, **LEVELS, **changes})

    return make


def order(slot, levels, *, restart=False):
    return {'slot': slot, 'levels': list(levels), 'restart': restart}


def start_of(level):
    """Where `Walk` starts when it is reset with this seed."""
    return float(walk.gym.utils.seeding.np_random(level)[0].integers(1, 1000))


def steps(pool, count, action=1, slot=None, name=None):
    """That many steps of all slots; in the last one `slot` misbehaves as `name` says."""
    for left in reversed(range(count)):
        row = np.full(pool.num_envs, action)
        if left == 0 and name is not None:
            row[slot] = walk.action_of(name)
        pool.send(0, row)
        pool.receive(0)


def records(pool, slot):
    return [(e.level, e.queued) for e in pool.episodes() if e.slot == slot]


def test_episodes_draw_levels_of_the_range_and_a_level_is_the_seed_of_the_reset(walk_spec, open_pool):
    pool = open_pool(walk_spec())
    seen = set()
    for _ in range(20):
        levels = pool.levels()
        assert ((levels >= 100) & (levels < 110)).all()
        assert pool.current(0).observation[:, 0].tolist() == [start_of(level) for level in levels.tolist()]
        seen |= set(levels.tolist())
        steps(pool, 6)
        assert [e.level for e in pool.episodes()] == levels.tolist()
    assert seen == set(range(100, 110))


def test_no_levels_means_every_seed_there_is(walk_spec, open_pool):
    pool = open_pool(walk_spec(num_levels=0, start_level=0))
    assert len(set(pool.levels().tolist())) == 4
    assert pool.levels().max() > 1000


def test_without_levels_a_queue_is_refused(spec_of, open_pool):
    pool = open_pool(spec_of('gymnasium', env=f'{WALK}:Walk', num_envs=2))
    with pytest.raises(EnvError, match='numLevels') as caught:
        pool.queue_levels([order(0, [1])])
    assert caught.value.code == 'ENV_NO_LEVELS'


@pytest.mark.parametrize(
    'change',
    [
        {'num_levels': -1},
        {'start_level': -1},
        {'num_levels': 2**31},
        {'num_levels': 0},
        {'start_level': 2**31 - 5},
    ],
)
def test_levels_that_no_seed_can_be_are_refused(change, walk_spec, open_pool):
    with pytest.raises(EnvError) as caught:
        open_pool(walk_spec(**change))
    assert caught.value.code == 'ENV_OPTION'


@pytest.mark.parametrize('num_hosts', [1, 2])
def test_queued_levels_come_in_order_and_then_the_slot_draws_again(walk_spec, open_pool, num_hosts):
    pool = open_pool(walk_spec(num_hosts=num_hosts))
    pool.queue_levels([order(1, [7, 5000, 7]), order(3, [2])])
    steps(pool, 6)
    assert pool.levels()[[1, 3]].tolist() == [7, 2]
    assert pool.current(0).observation[1, 0] == start_of(7)
    steps(pool, 24)
    played = records(pool, 1)
    assert played[1:4] == [(7, True), (5000, True), (7, True)]
    assert [queued for _, queued in played] == [False, True, True, True, False]
    assert 100 <= played[4][0] < 110


def test_a_restart_begins_at_once_and_leaves_no_record_of_what_it_gave_up(walk_spec, open_pool):
    pool = open_pool(walk_spec())
    steps(pool, 3)
    pool.queue_levels([order(2, [55, 56], restart=True)])
    assert pool.levels()[2] == 55
    assert pool.current(0).is_first[2]
    assert pool.current(0).observation[2].tolist() == [start_of(55), 0]
    steps(pool, 12)
    records_of_2 = [e for e in pool.episodes() if e.slot == 2]
    assert [(e.level, e.queued, e.episode_length) for e in records_of_2] == [(55, True, 6), (56, True, 6)]


def test_a_new_queue_takes_the_place_of_what_had_not_begun(walk_spec, open_pool):
    pool = open_pool(walk_spec())
    pool.queue_levels([order(0, [1, 2, 3])])
    steps(pool, 6)
    pool.queue_levels([order(0, [9])])
    steps(pool, 18)
    assert records(pool, 0)[1:3] == [(1, True), (9, True)]


@pytest.mark.parametrize('name', ['raise', 'exit', 'nan'])
def test_a_queued_level_that_a_fault_cuts_short_is_begun_again(name, walk_spec, open_pool):
    pool = open_pool(walk_spec(num_hosts=2))
    pool.queue_levels([order(0, [11, 12, 13], restart=True)])
    steps(pool, 9, slot=0, name=name)
    assert records(pool, 0) == [(11, True)]
    assert pool.levels()[0] == 12
    assert pool.current(0).observation[0].tolist() == [start_of(12), 0]
    assert len(pool.faults()) == 1
    steps(pool, 12)
    assert records(pool, 0) == [(12, True), (13, True)]


def test_a_drawn_level_that_a_fault_cuts_short_makes_way_for_the_queue(walk_spec, open_pool):
    pool = open_pool(walk_spec())
    pool.queue_levels([order(0, [11, 12])])
    steps(pool, 3, slot=0, name='raise')
    assert pool.levels()[0] == 11
    steps(pool, 12)
    assert records(pool, 0) == [(11, True), (12, True)]


def test_a_level_whose_reset_fails_is_tried_again(walk_spec, open_pool):
    pool = open_pool(walk_spec(kwargs='{"fails_in_reset": [1]}'))
    pool.queue_levels([order(0, [11, 12])])
    steps(pool, 18)
    assert records(pool, 0)[1:] == [(11, True), (12, True)]
    assert {fault.slot for fault in pool.faults()} == {0, 1, 2, 3}


def test_a_host_that_dies_between_two_steps_costs_no_level(walk_spec, open_pool):
    pool = open_pool(walk_spec(num_hosts=2))
    pool.queue_levels([order(slot, [20 + slot, 30 + slot], restart=True) for slot in range(4)])
    steps(pool, 2)
    os.kill(pool.host_pids[0], signal.SIGKILL)
    steps(pool, 16)
    played = {slot: [] for slot in range(4)}
    for episode in pool.episodes():
        played[episode.slot].append((episode.level, episode.queued))
    assert all(played[slot][:2] == [(20 + slot, True), (30 + slot, True)] for slot in range(4))


def test_a_pool_goes_on_from_a_state_with_its_levels_and_queues(walk_spec, open_pool):
    whole, first = open_pool(walk_spec()), open_pool(walk_spec())
    for pool in (whole, first):
        pool.queue_levels([order(1, [41, 42, 43]), order(2, [44], restart=True)])
        steps(pool, 8)
        pool.episodes()
    second = open_pool(walk_spec(num_hosts=2))
    second.set_state(first.get_state())
    assert second.levels().tolist() == whole.levels().tolist()
    for pool in (whole, second):
        steps(pool, 40)
    assert second.episodes() == whole.episodes()
    np.testing.assert_array_equal(second.current(0).observation, whole.current(0).observation)


def test_a_state_belongs_to_its_levels(walk_spec, open_pool):
    state = open_pool(walk_spec()).get_state()
    with pytest.raises(EnvError) as caught:
        open_pool(walk_spec(num_levels=11)).set_state(state)
    assert caught.value.code == 'ENV_STATE'


def test_groups_follow_their_own_queues(walk_spec, open_pool, play):
    traces = []
    for groups in (1, 2):
        pool = open_pool(walk_spec(num_groups=groups, num_hosts=2))
        pool.queue_levels([order(slot, [slot, 10 + slot]) for slot in range(4)])
        for _ in range(20):
            for group in range(groups):
                pool.send(group, np.ones(len(pool.slots(group)), np.int64))
            for group in reversed(range(groups)):
                pool.receive(group)
        traces.append([(e.slot, e.level, e.queued, e.episode_return) for e in pool.episodes()])
    assert traces[0] == traces[1]
