"""What becomes of a pool when a process behind it is killed, stopped or left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs import open_pool as open_pool_of_package

ACTIONS = np.zeros(8, np.int64)


def step(pool):
    pool.send(0, ACTIONS)
    return pool.receive(0)


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def wait_until_gone(pids, seconds):
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [pid for pid in pids if alive(pid)]


def parent_of(pid):
    return int(Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])


def test_a_killed_host_is_named_at_once_and_ends_its_pool_only(spec_of, open_pool):
    pool, bystander = open_pool(spec_of('procgen')), open_pool(spec_of('procgen'))
    step(pool)
    os.kill(pool.host_pids[1], signal.SIGKILL)
    start = time.monotonic()
    with pytest.raises(EnvError) as caught:
        step(pool)
    assert time.monotonic() - start < 3
    assert caught.value.code == 'ENV_HOST_LOST'
    assert f'host 1 of 2 (pid {pool.host_pids[1]}) was killed by signal 9 (SIGKILL)' in caught.value.message
    assert wait_until_gone(pool.host_pids, 2) == []
    for call in (lambda: pool.send(0, ACTIONS), pool.get_state):
        with pytest.raises(EnvError):
            call()
    pool.close()
    step(bystander)


def test_a_host_that_dies_while_a_step_is_awaited_is_named(spec_of, open_pool):
    pool = open_pool(spec_of('procgen'))
    os.kill(pool.host_pids[0], signal.SIGSTOP)
    pool.send(0, ACTIONS)
    os.kill(pool.host_pids[0], signal.SIGKILL)
    with pytest.raises(EnvError, match=r'host 0 of 2 .* was killed by signal 9 .* while stepping group 0'):
        pool.receive(0)


def test_the_last_output_of_a_host_that_aborts_is_in_the_error(spec_of, open_pool):
    pool = open_pool(spec_of('procgen'))
    os.kill(pool.host_pids[0], signal.SIGABRT)
    with pytest.raises(EnvError, match='signal 6') as caught:
        step(pool)
    assert 'Its last output' in caught.value.message
    assert 'run_host' in caught.value.message


def test_a_stopped_host_is_lost_after_its_time_and_killed(spec_of, open_pool):
    pool = open_pool(spec_of('procgen', host_timeout_seconds=5.0))
    pool._hosts._seconds = 0.3
    os.kill(pool.host_pids[0], signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(EnvError, match=r'host 0 of 2 .* within 0.3 s.* \(process state T\)') as caught:
        step(pool)
    assert caught.value.code == 'ENV_HOST_LOST'
    assert 0.3 <= time.monotonic() - start < 3
    assert wait_until_gone(pool.host_pids, 2) == []


def test_a_pool_opens_again_after_a_loss_and_continues_from_its_state(spec_of, open_pool, play):
    lost, whole = open_pool(spec_of('procgen')), open_pool(spec_of('procgen'))
    play(lost, 10)
    play(whole, 10)
    state = lost.get_state()
    os.kill(lost.host_pids[0], signal.SIGKILL)
    with pytest.raises(EnvError):
        play(lost, 10)
    again = open_pool(spec_of('procgen'))
    again.set_state(state)
    np.testing.assert_array_equal(play(again, 20)['observation'], play(whole, 20)['observation'])


def test_closing_leaves_no_process(spec_of, open_pool):
    pool = open_pool(spec_of('procgen'))
    step(pool)
    pool.send(0, ACTIONS)
    pool.close()
    assert wait_until_gone(pool.host_pids, 0) == []


WORKER = """
import json, sys, time
import numpy as np
from srwm.envs import open_pool
pool = open_pool(json.loads(sys.argv[1]))
pool.send(0, np.zeros(8, np.int64))
pool.receive(0)
print(json.dumps(pool.host_pids), flush=True)
time.sleep(60)
"""


@pytest.fixture
def worker(spec_of):
    """A process with an open pool, the pids of its hosts, and their nursery."""
    spec = json.dumps(spec_of('procgen'))
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    command = [sys.executable, '-c', WORKER, spec]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        hosts = json.loads(process.stdout.readline())
        yield process, hosts, parent_of(hosts[0])
        process.kill()


def test_waiting_and_stopped_hosts_are_gone_two_seconds_after_their_worker_is_killed(worker):
    process, hosts, nursery = worker
    assert all(map(alive, [*hosts, nursery]))
    os.kill(hosts[0], signal.SIGSTOP)
    process.kill()
    assert wait_until_gone([*hosts, nursery], 2) == []


def test_the_end_of_the_nursery_is_told_and_the_next_pool_starts_another(
    library, spec_of, open_pool, tmp_path
):
    # Another path to the same library has a nursery of its own, which the other tests can spare.
    Path(tmp_path, 'data').symlink_to(library)
    spec = spec_of('procgen', library=str(tmp_path / 'data'))
    pool = open_pool(spec)
    os.kill(parent_of(pool.host_pids[0]), signal.SIGKILL)
    assert wait_until_gone(pool.host_pids, 2) == []
    with pytest.raises(EnvError, match=r'nursery was killed by signal 9 \(SIGKILL\)') as caught:
        step(pool)
    assert caught.value.code == 'ENV_HOST_LOST'
    pool.close()
    step(open_pool(spec))


def test_broken_images_end_in_a_sentence_with_the_output_of_the_library(
    library, spec_of, open_pool, tmp_path
):
    Path(tmp_path, 'prebuilt').symlink_to(library / 'prebuilt')
    Path(tmp_path, 'assets', 'water_backgrounds').mkdir(parents=True)
    with pytest.raises(EnvError, match='must load the native library, but exited with code 1') as caught:
        open_pool(spec_of('procgen', library=str(tmp_path)))
    assert caught.value.code == 'ENV_HOST_LOST'
    assert 'Its last output' in caught.value.message


def test_a_closed_pool_that_nobody_holds_leaves_no_open_file_behind(spec_of):
    spec = spec_of('procgen')
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(3):
        open_pool_of_package(spec).close()
    assert len(os.listdir('/proc/self/fd')) <= before
