"""The rules of `catch` and `recall`, seen by players who know them."""

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs import open_pool as open_pool_of_package


def scripted_catch(observation):
    """Follows the ball: its column is the lit one above the bottom row."""
    lit = observation[..., 0] > 0
    ball = lit[:, :-1].any(axis=1).argmax(axis=1)
    paddle = lit[:, -1].argmax(axis=1)
    return 1 + np.sign(ball - paddle)


@pytest.mark.parametrize(('rows', 'columns'), [(6, 5), (10, 5), (3, 5), (5, 4)])
def test_a_player_who_follows_the_ball_catches_every_one(rows, columns, spec_of, open_pool):
    pool = open_pool(spec_of('catch', rows=rows, columns=columns, num_envs=32))
    step = pool.current(0)
    for _ in range(5 * (rows - 1)):
        pool.send(0, scripted_catch(step.observation))
        step = pool.receive(0)
    episodes = pool.episodes()
    assert len(episodes) == 32 * 5
    assert {(e.episode_return, e.episode_length, e.completed, e.level) for e in episodes} == {
        (1.0, rows - 1, True, -1)
    }


def test_a_player_who_stands_still_catches_only_what_falls_on_the_paddle(spec_of, open_pool, play):
    pool = open_pool(spec_of('catch', num_envs=64))
    for _ in range(25 * 5):
        pool.send(0, np.ones(64, np.int64))
        pool.receive(0)
    returns = [e.episode_return for e in pool.episodes()]
    assert set(returns) == {-1.0, 1.0}
    assert np.mean(np.array(returns) == 1.0) == pytest.approx(1 / 5, abs=0.04)


def test_ball_and_paddle_are_drawn_where_the_rules_put_them(spec_of, open_pool):
    pool = open_pool(spec_of('catch', num_envs=1))
    first = pool.current(0).observation[0].copy()
    assert set(np.unique(first)) == {0, 255}
    assert (first.any(axis=2).sum(axis=1) == [1, 0, 0, 0, 0, 1]).all()
    pool.send(0, np.array([0]))
    second = pool.receive(0).observation[0]
    np.testing.assert_array_equal(second[1], first[0])
    assert second[5, 1].all()


def test_blank_catch_is_black_and_pays_the_same(spec_of, open_pool, play):
    seen, blank = open_pool(spec_of('catch')), open_pool(spec_of('catch', blank=True))
    one, other = play(seen, 30), play(blank, 30)
    assert not other['observation'].any()
    np.testing.assert_array_equal(one['reward'], other['reward'])


def test_a_catch_that_cannot_always_be_won_is_refused():
    spec = {
        'kind': 'catch',
        'num_envs': 1,
        'num_groups': 1,
        'rows': 4,
        'columns': 9,
        'blank': False,
        'seed': 0,
    }
    with pytest.raises(EnvError, match='could not reach every ball'):
        open_pool_of_package(spec)


@pytest.mark.parametrize('delay', [1, 5])
def test_a_player_who_remembers_names_every_cue(delay, spec_of, open_pool):
    pool = open_pool(spec_of('recall', delay=delay, num_envs=16))
    step = pool.current(0)
    memory = np.zeros(16, np.int64)
    for _ in range(4 * (delay + 1)):
        memory = np.where(step.is_first, step.observation.argmax(axis=1), memory)
        assert (step.observation.any(axis=1) == step.is_first).all()
        pool.send(0, memory)
        step = pool.receive(0)
    episodes = pool.episodes()
    assert {(e.episode_return, e.episode_length, e.completed) for e in episodes} == {(1.0, delay + 1, True)}
    assert len(episodes) == 16 * 4


def test_a_player_without_memory_names_no_more_cues_than_by_chance(spec_of, open_pool):
    pool = open_pool(spec_of('recall', num_envs=256))
    step = pool.current(0)
    for _ in range(8 * 4):
        pool.send(0, step.observation.argmax(axis=1))
        step = pool.receive(0)
    assert np.mean([e.episode_return for e in pool.episodes()]) == pytest.approx(1 / 4, abs=0.05)


def test_blank_recall_never_shows_the_cue(spec_of, open_pool, play):
    assert not play(open_pool(spec_of('recall', blank=True)), 20)['observation'].any()


def test_draws_do_not_depend_on_the_number_of_slots(spec_of, open_pool, play):
    few, many = open_pool(spec_of('catch', num_envs=2)), open_pool(spec_of('catch', num_envs=4))
    for _ in range(300 * 5):
        few.send(0, np.ones(2, np.int64))
        many.send(0, np.ones(4, np.int64))
        np.testing.assert_array_equal(few.receive(0).observation, many.receive(0).observation[:2])
