"""ProcGen's games, modes and levels, and how slots are seeded and shared out."""

from pathlib import Path

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs import open_pool as open_pool_of_package
from srwm.envs.procgen.catalog import EXPLORATION_LEVELS, GAME_MICROSECONDS, GAMES, MODE_GAMES
from srwm.envs.procgen.options import parse_spec, share_slots
from srwm.envs.seeds import slot_seed


@pytest.mark.parametrize('mode', list(MODE_GAMES))
def test_every_game_of_a_mode_opens_and_plays(mode, spec_of, open_pool, play):
    games = MODE_GAMES[mode]
    levels = {'num_levels': 0, 'start_level': 0}
    pool = open_pool(
        spec_of('procgen', games=list(games), num_envs=len(games), distribution_mode=mode, **levels)
    )
    assert pool.games == list(games)
    trace = play(pool, 4)
    assert trace['observation'].any(axis=(0, 2, 3, 4)).all()
    if mode == 'exploration':
        assert trace['level'][0].tolist() == [EXPLORATION_LEVELS[game] for game in games]


def test_a_slot_of_a_list_of_games_plays_as_in_a_pool_of_that_game(spec_of, open_pool, play):
    games = ['fruitbot', 'plunder', 'starpilot']
    mixed = play(open_pool(spec_of('procgen', games=games, num_envs=7)), 40)
    for index, game in enumerate(games):
        alone = play(open_pool(spec_of('procgen', games=[game], num_envs=7)), 40)
        for name in mixed:
            np.testing.assert_array_equal(mixed[name][:, index::3], alone[name][:, index::3], err_msg=name)


def test_the_number_of_hosts_changes_no_bit(spec_of, open_pool, play):
    # Games that keep something of their own from one level to the next are the hard case.
    spec = spec_of('procgen', games=['dodgeball', 'miner'], num_envs=10)
    traces = [play(open_pool({**spec, 'num_hosts': hosts}), 120) for hosts in (1, 2, 4)]
    for name in traces[0]:
        np.testing.assert_array_equal(traces[0][name], traces[1][name], err_msg=name)
        np.testing.assert_array_equal(traces[0][name], traces[2][name], err_msg=name)
    assert traces[0]['is_first'].any()


def test_levels_come_from_the_range_that_was_asked_for(spec_of, open_pool, play):
    pool = open_pool(spec_of('procgen', games=['leaper'], num_envs=16, num_levels=3, start_level=70))
    trace = play(pool, 150)
    assert set(np.unique(trace['level'])) == {70, 71, 72}
    episodes = pool.episodes()
    assert {episode.level for episode in episodes} == {70, 71, 72}
    for episode in episodes:
        assert episode.completed == (episode.episode_return == 10.0)


def test_an_episode_names_the_level_that_was_played_and_not_the_next(spec_of, open_pool, play):
    pool = open_pool(spec_of('procgen', games=['leaper'], num_envs=4))
    before = pool.levels()
    trace = play(pool, 150)
    levels = np.concatenate([before[None], trace['level']])
    ends = [(int(t), int(slot)) for t, slot in np.argwhere(trace['is_first'])]
    assert [episode.level for episode in pool.episodes()] == [int(levels[t, slot]) for t, slot in ends]


def test_slot_seeds_are_fixed_for_ever():
    assert [slot_seed(0, 0), slot_seed(0, 1), slot_seed(1, 0), slot_seed(2**31 - 1, 65535)] == [
        1896895516,
        1216681718,
        1645620493,
        1345521424,
    ]
    seeds = {slot_seed(seed, slot) for seed in range(50) for slot in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(
    ('games', 'envs', 'hosts', 'groups'),
    [
        (GAMES, 64, 2, 1),
        (GAMES[:6], 64, 2, 2),
        (GAMES[:3], 7, 3, 1),
        (GAMES[:1], 5, 2, 5),
        (GAMES, 96, 5, 3),
        (GAMES[:6], 96, 2, 3),
    ],
)
def test_every_slot_has_one_host_and_hosts_cost_about_the_same(games, envs, hosts, groups, spec_of):
    sizes = {'num_envs': envs, 'num_hosts': hosts, 'num_groups': groups}
    spec = spec_of('procgen', games=list(games), library='/nowhere', **sizes)
    parsed = parse_spec(spec)
    shares = share_slots(parsed)
    slots = [slot for host in shares for group in host for run in group for slot in run]
    assert sorted(slots) == list(range(envs))
    if groups % hosts == 0:
        # Whole groups: no host waits for another.
        assert all(sum(bool(host[group]) for host in shares) == 1 for group in range(groups))
        assert {sum(map(bool, host)) for host in shares} == {groups // hosts}
        return
    for group in range(groups):
        costs = [
            sum(GAME_MICROSECONDS[parsed.games[slot]] for run in host[group] for slot in run)
            for host in shares
        ]
        assert max(costs) - min(costs) <= max(GAME_MICROSECONDS[game] for game in games)


@pytest.mark.parametrize(
    ('games', 'each'),
    [
        (('bigfish', 'fruitbot', 'maze', 'leaper', 'plunder', 'starpilot'), 8),
        (('dodgeball', 'heist', 'maze', 'miner'), 12),
    ],
)
def test_the_papers_48_slots_are_dealt_out_in_the_order_of_the_list(games, each, spec_of):
    parsed = parse_spec(spec_of('procgen', games=list(games), num_envs=48, library='/nowhere'))
    assert parsed.games[: len(games)] == games
    assert {game: parsed.games.count(game) for game in games} == dict.fromkeys(games, each)
    assert parsed.games == games * each


def test_an_unknown_game_lists_all_games(spec_of):
    with pytest.raises(EnvError) as caught:
        open_pool_of_package(spec_of('procgen', games=['maze', 'pong', 'doom'], library='/nowhere'))
    assert caught.value.code == 'ENV_UNKNOWN_GAME'
    assert "'pong', 'doom'" in caught.value.message
    assert all(game in caught.value.message for game in GAMES)


def test_a_game_without_the_mode_lists_the_games_that_have_it(spec_of):
    with pytest.raises(EnvError) as caught:
        open_pool_of_package(spec_of('procgen', distribution_mode='memory', library='/nowhere'))
    assert caught.value.code == 'ENV_UNKNOWN_MODE'
    assert all(game in caught.value.message for game in MODE_GAMES['memory'])
    assert 'leaper, bigfish' in caught.value.message


def test_an_unknown_mode_lists_the_modes(spec_of):
    with pytest.raises(EnvError, match='easy, hard, extreme, memory, exploration') as caught:
        open_pool_of_package(spec_of('procgen', distribution_mode='nightmare', library='/nowhere'))
    assert caught.value.code == 'ENV_UNKNOWN_MODE'


@pytest.mark.parametrize(
    ('change', 'part'),
    [
        ({'num_levels': 0}, 'start_level must be 0'),
        ({'num_levels': 2**31 - 1, 'start_level': 1}, 'start_level + num_levels'),
        ({'num_levels': -1}, 'num_levels must be an integer in [0, 2147483647], got -1'),
        ({'games': ['maze'], 'distribution_mode': 'exploration'}, 'must be 0 in exploration'),
        ({'games': list(GAMES)}, 'at least the number of games (16), got 8'),
        ({'games': []}, 'games must be a list of names'),
        ({'games': 'maze'}, 'games must be a list of names'),
        ({'num_hosts': 9}, 'num_hosts must be at most num_envs (8), got 9'),
        ({'center_agent': 1}, 'center_agent must be true or false, got 1'),
        ({'seed': 2**31}, 'seed must be an integer'),
        ({'host_timeout_seconds': 0}, 'host_timeout_seconds must be a number of seconds above 0'),
    ],
    ids=lambda value: '-'.join(value) if isinstance(value, dict) else '',
)
def test_an_option_that_the_library_would_die_of_is_refused_before_it_loads(change, part, spec_of):
    with pytest.raises(EnvError) as caught:
        open_pool_of_package(spec_of('procgen', **{'library': '/nowhere', **change}))
    assert caught.value.code == 'ENV_OPTION'
    assert part in caught.value.message


def test_a_missing_library_asks_for_set_up(spec_of, tmp_path):
    with pytest.raises(EnvError, match='srwm setup') as caught:
        open_pool_of_package(spec_of('procgen', library=str(tmp_path)))
    assert caught.value.code == 'ENV_LIBRARY_MISSING'


def test_a_changed_library_is_never_loaded(spec_of, tmp_path):
    Path(tmp_path, 'assets', 'water_backgrounds').mkdir(parents=True)
    Path(tmp_path, 'prebuilt').mkdir()
    Path(tmp_path, 'prebuilt', 'libenv.so').write_bytes(b'not what it was')
    with pytest.raises(EnvError, match='SHA-256') as caught:
        open_pool_of_package(spec_of('procgen', library=str(tmp_path)))
    assert caught.value.code == 'ENV_LIBRARY_CHECKSUM'


def test_another_platform_is_named(spec_of, monkeypatch):
    monkeypatch.setattr('platform.machine', lambda: 'arm64')
    with pytest.raises(EnvError, match='linux x86_64 only, got linux arm64') as caught:
        open_pool_of_package(spec_of('procgen', library='/nowhere'))
    assert caught.value.code == 'ENV_PLATFORM'
