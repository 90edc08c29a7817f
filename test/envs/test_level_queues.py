"""Queues of levels: what a slot plays next, from whose state, and what the records say of it."""

import os
import signal

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs.procgen.catalog import GAMES, MODE_GAMES

LEVELS = {'num_levels': 200, 'start_level': 0}


def order(slot, levels, *, restart=False):
    return {'slot': slot, 'levels': list(levels), 'restart': restart}


def step_with(pool, actions):
    pool.send(0, np.asarray(actions, np.int64))
    return pool.receive(0)


def play_level(pool, slot, actions, most=4000):
    """Steps slot `slot` with actions[t], the others with 4, until its episode ends: frames, rewards, record."""
    pool.episodes()
    frames, rewards = [pool.current(0).observation[slot].copy()], []
    for t in range(most):
        row = np.full(pool.num_envs, 4)
        row[slot] = actions[t % len(actions)]
        time_step = step_with(pool, row)
        rewards.append(float(time_step.reward[slot]))
        ended = bool(time_step.is_first[slot])
        if ended:
            break
        frames.append(time_step.observation[slot].copy())
    records = [episode for episode in pool.episodes() if episode.slot == slot]
    return np.stack(frames), rewards, records[-1] if records else None


@pytest.mark.parametrize('kind', ['catch', 'recall'])
def test_games_without_levels_refuse_a_queue(kind, spec_of, open_pool):
    with pytest.raises(EnvError, match='has none') as caught:
        open_pool(spec_of(kind)).queue_levels([order(0, [1])])
    assert caught.value.code == 'ENV_NO_LEVELS'


def test_slots_take_their_levels_in_order_and_the_records_say_which_were_queued(spec_of, open_pool, play):
    pool = open_pool(spec_of('procgen', games=['leaper'], num_envs=4, **LEVELS))
    pool.queue_levels([order(0, [31, 7, 31]), order(2, [9])])
    play(pool, 1500)
    episodes = [episode for episode in pool.episodes() if episode.slot == 0]
    assert not episodes[0].queued, 'the running episode is not given up'
    assert [e.level for e in episodes[1:4]] == [31, 7, 31]
    assert [e.queued for e in episodes[:5]] == [False, True, True, True, False]


@pytest.mark.parametrize('game', GAMES)
def test_a_used_slot_plays_a_queued_level_as_a_fresh_slot_does(game, spec_of, open_pool):
    spec = spec_of('procgen', games=[game], num_envs=2, num_hosts=1, **LEVELS)
    used, rng = open_pool(spec), np.random.default_rng(3)
    for _ in range(150):
        step_with(used, rng.integers(0, 15, 2))
    fresh = open_pool({**spec, 'num_levels': 1, 'start_level': 77, 'seed': 5})
    used.queue_levels([order(1, [77], restart=True)])
    assert used.levels()[1] == 77
    assert used.current(0).is_first[1]
    assert used.current(0).reward[1] == 0
    actions = rng.integers(0, 15, 60)
    theirs, ours = play_level(fresh, 1, actions, 60), play_level(used, 1, actions, 60)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]
    assert (ours[2] is None) == (theirs[2] is None)
    if ours[2] is not None:
        assert (ours[2].level, ours[2].queued) == (77, True)
        assert ours[2].episode_return == theirs[2].episode_return


@pytest.mark.parametrize(
    ('game', 'mode'), [('dodgeball', 'memory'), ('miner', 'hard'), ('chaser', 'extreme')]
)
def test_a_level_taken_at_an_episodes_end_starts_fresh_whatever_was_played_before(
    game, mode, spec_of, open_pool
):
    # These games keep something of their own from one level to the next.
    spec = spec_of('procgen', games=[game], num_envs=2, num_hosts=1, distribution_mode=mode, **LEVELS)
    traces = []
    for before in ([], [3], [150, 12]):
        pool = open_pool(spec)
        pool.queue_levels([order(0, [*before, 40], restart=True)])
        for level in before:
            # Different actions before it: what they leave behind must not matter.
            record = play_level(pool, 0, np.random.default_rng(level).integers(0, 15, 500))[2]
            assert (record.level, record.queued) == (level, True)
        traces.append(play_level(pool, 0, np.random.default_rng(0).integers(0, 15, 500)))
    for frames, rewards, record in traces:
        np.testing.assert_array_equal(frames, traces[0][0])
        assert rewards == traces[0][1]
        assert (record.level, record.queued, record.episode_length) == (40, True, len(rewards))


def test_the_reward_and_the_word_on_the_last_level_survive_the_change_of_levels(spec_of, open_pool):
    spec = spec_of('procgen', games=['leaper', 'maze'], num_envs=8, **LEVELS)
    plain, queued = open_pool(spec), open_pool(spec)
    queued.queue_levels([order(slot, [slot]) for slot in range(8)])
    rng = np.random.default_rng(1)
    finished: set[int] = set()
    for _ in range(300):
        actions = rng.integers(0, 15, 8)
        one, other = step_with(plain, actions), step_with(queued, actions)
        live = [slot for slot in range(8) if slot not in finished]
        np.testing.assert_array_equal(one.reward[live], other.reward[live])
        np.testing.assert_array_equal(one.is_first[live], other.is_first[live])
        finished |= {int(slot) for slot in np.flatnonzero(one.is_first)}
    first = {pool: {} for pool in (plain, queued)}
    for pool, records in first.items():
        for episode in pool.episodes():
            records.setdefault(episode.slot, episode)
    assert first[plain] == first[queued]
    assert any(episode.completed for episode in first[plain].values())


def test_when_its_queue_is_empty_a_slot_draws_what_it_would_have_drawn(spec_of, open_pool, play):
    spec = spec_of('procgen', games=['leaper'], num_envs=4, **LEVELS)
    plain, queued = open_pool(spec), open_pool(spec)
    queued.queue_levels([order(slot, [slot, 199 - slot]) for slot in range(4)])
    play(plain, 900)
    play(queued, 900)
    drawn = [[e.level for e in pool.episodes() if e.slot == 1] for pool in (plain, queued)]
    length = min(map(len, drawn))
    assert length > 6
    assert drawn[1][1:3] == [1, 198]
    assert drawn[0][0] == drawn[1][0]
    assert drawn[0][3:length] == drawn[1][3:length]


def test_a_new_queue_takes_the_place_of_what_has_not_begun(spec_of, open_pool, play):
    pool = open_pool(spec_of('procgen', games=['leaper'], num_envs=2, num_hosts=1, **LEVELS))
    pool.queue_levels([order(0, [1, 2, 3], restart=True), order(1, [4, 5], restart=True)])
    pool.queue_levels([order(0, [8]), order(1, [])])
    play(pool, 500)
    episodes = pool.episodes()
    levels = [[(e.level, e.queued) for e in episodes if e.slot == slot] for slot in (0, 1)]
    assert levels[0][:2] == [(1, True), (8, True)]
    assert levels[1][0] == (4, True)
    assert not any(queued for own, skip in zip(levels, (2, 1), strict=True) for _, queued in own[skip:])


def test_an_episode_that_a_restart_gives_up_leaves_no_trace_in_the_records(spec_of, open_pool, play):
    pool = open_pool(spec_of('procgen', games=['starpilot'], num_envs=2, num_hosts=1, **LEVELS))
    play(pool, 30)
    pool.episodes()
    pool.queue_levels([order(0, [5], restart=True)])
    _, rewards, record = play_level(pool, 0, [7])
    assert (record.level, record.episode_length) == (5, len(rewards))
    assert record.episode_return == sum(rewards)


def test_queues_are_part_of_the_state_and_survive_the_death_of_their_hosts(spec_of, open_pool, play):
    spec = spec_of('procgen', games=['leaper', 'maze'], num_envs=4, **LEVELS)
    pool = open_pool(spec)
    pool.queue_levels([order(slot, range(slot, slot + 5), restart=slot == 1) for slot in range(4)])
    play(pool, 120, seed=1)
    state = pool.get_state()
    assert state['queue_level'].size < 19, 'some levels must have begun'
    expected = play(pool, 200, seed=2)
    records = pool.episodes()
    os.kill(pool.host_pids[0], signal.SIGKILL)
    with pytest.raises(EnvError):
        play(pool, 5)
    again = open_pool({**spec, 'num_hosts': 1, 'num_groups': 2, 'seed': 1})
    again.set_state(state)
    actual = play(again, 200, seed=2)
    for name, array in expected.items():
        np.testing.assert_array_equal(actual[name], array, err_msg=name)
    assert again.episodes() == records
    assert any(episode.queued for episode in records)


def test_restoring_a_state_forgets_the_queues_since_then_even_with_steps_in_flight(spec_of, open_pool, play):
    spec = spec_of('procgen', games=['leaper'], num_envs=4, **LEVELS)
    pool, reference = open_pool(spec), open_pool(spec)
    state = pool.get_state()
    pool.queue_levels([order(slot, [60, 61, 62, 63]) for slot in range(4)])
    play(pool, 60)
    pool.send(0, np.zeros(4, np.int64))
    pool.set_state(state)
    one, other = play(pool, 150), play(reference, 150)
    for name, array in other.items():
        np.testing.assert_array_equal(one[name], array, err_msg=name)
    assert pool.episodes() == reference.episodes()


def test_rows_of_an_unroll_show_the_queued_level(spec_of, open_pool):
    pool = open_pool(spec_of('procgen', games=['leaper'], num_envs=2, num_hosts=1, **LEVELS))
    pool.queue_levels([order(slot, range(20)) for slot in range(2)])
    rows = pool.observation_rows(200)
    for t in range(200):
        pool.send(0, np.full(2, 5), t)
        np.testing.assert_array_equal(pool.receive(0).observation, rows[t])
    assert sum(episode.queued for episode in pool.episodes()) >= 2


@pytest.mark.parametrize('mode', [mode for mode in MODE_GAMES if mode != 'exploration'])
def test_levels_keep_the_options_of_their_pool(mode, spec_of, open_pool):
    game = MODE_GAMES[mode][0]
    options = {'distribution_mode': mode, 'use_backgrounds': False, 'restrict_themes': True}
    spec = spec_of('procgen', games=[game], num_envs=1, num_hosts=1, **options, **LEVELS)
    pool = open_pool(spec)
    pool.queue_levels([order(0, [9], restart=True)])
    alone = open_pool({**spec, 'num_levels': 1, 'start_level': 9})
    np.testing.assert_array_equal(pool.current(0).observation, alone.current(0).observation)


@pytest.mark.parametrize(
    ('orders', 'part'),
    [
        ([order(4, [1])], r'slot must be in \[0, 4\), got 4'),
        ([order(-1, [1])], 'got -1'),
        ([order(1, [1]), order(1, [2])], 'got 1 again'),
        ([order(0, [3, 2**31 - 1])], 'got 2147483647 for slot 0'),
        ([order(0, [-5])], 'got -5 for slot 0'),
        ([order(2, [], restart=True)], 'got none for slot 2'),
    ],
)
def test_a_faulty_order_is_refused_and_changes_nothing(orders, part, spec_of, open_pool, play):
    pool = open_pool(spec_of('procgen', games=['leaper'], num_envs=4, **LEVELS))
    with pytest.raises(EnvError, match=part) as caught:
        pool.queue_levels([order(3, [11], restart=True), *orders])
    assert caught.value.code == 'ENV_OPTION'
    play(pool, 100)
    assert not any(episode.queued for episode in pool.episodes())


def test_levels_cannot_be_queued_while_a_group_is_being_stepped(spec_of, open_pool):
    pool = open_pool(spec_of('procgen'))
    pool.send(0, np.zeros(8, np.int64))
    with pytest.raises(EnvError, match='is being stepped') as caught:
        pool.queue_levels([order(0, [1])])
    assert caught.value.code == 'ENV_ORDER'
