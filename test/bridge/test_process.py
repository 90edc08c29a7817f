"""The worker process against a driver written here, message by message."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import zmq

from srwm.worker.messages_gen import PROTOCOL_HASH, Kind
from srwm.worker.wire import encode_preamble

ROOT = Path(__file__).resolve().parents[2]
EPOCH = 77


class Driver:
    """Two ROUTERs and a worker process."""

    def __init__(self, folder):
        self.context = zmq.Context()
        self.control, self.work = (self.bind(folder / name) for name in ('control', 'work'))
        environment = {
            **os.environ,
            'PYTHONPATH': os.pathsep.join([str(ROOT / 'py'), str(ROOT / 'test/bridge/fixtures')]),
            'SRWM_CONTROL_ENDPOINT': f'ipc://{folder}/control',
            'SRWM_WORK_ENDPOINT': f'ipc://{folder}/work',
            'SRWM_TOKEN': 'secret',
            'SRWM_HANDLERS': 'misbehaving',
        }
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'srwm.worker'],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def bind(self, path):
        socket = self.context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, 20_000)
        socket.bind(f'ipc://{path}')
        return socket

    def send(self, socket, kind, message, frames=()):
        data = [msgspec.msgpack.encode(message), *frames]
        socket.send_multipart([b'worker', encode_preamble(kind, EPOCH, 1 + len(data)), *data])

    def receive(self, socket):
        sender, preamble, header, *_ = socket.recv_multipart()
        assert sender == b'worker'
        return Kind(preamble[5]), msgspec.msgpack.decode(header)

    def greet(self):
        hello = self.receive(self.control)
        self.send(self.control, Kind.WELCOME, {'protocol_hash': PROTOCOL_HASH})
        return hello, self.receive(self.work)

    def request(self, number, handles):
        body = {
            'id': number,
            'verb': 'release',
            'deadline_ms': None,
            'body': {'handles': handles},
            'tensors': [],
        }
        self.send(self.work, Kind.REQUEST, body)

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.context.destroy(linger=0)


@pytest.fixture
def driver(tmp_path):
    # A socket address holds about 100 characters; pytest's folders may be longer.
    folder = Path(f'/tmp/srwm-pytest-{os.getpid()}') if len(str(tmp_path)) > 80 else tmp_path
    folder.mkdir(exist_ok=True)
    made = Driver(folder)
    yield made
    made.close()


@pytest.fixture
def greeted(driver):
    driver.greet()
    return driver


def test_greets_with_token_and_hash_then_is_ready(driver):
    (hello, greeting), (ready, description) = driver.greet()
    assert (hello, ready) == (Kind.HELLO, Kind.READY)
    assert greeting['token'] == description['token'] == 'secret'
    assert greeting['protocol_hash'] == PROTOCOL_HASH
    assert greeting['pid'] == driver.process.pid


def test_answers_pings_while_a_handler_works(greeted):
    greeted.request(1, ['sleep', '2'])
    time.sleep(0.3)
    start = time.monotonic()
    greeted.send(greeted.control, Kind.PING, {'sequence': 5})
    kind, pong = greeted.receive(greeted.control)
    assert kind == Kind.PONG
    assert time.monotonic() - start < 1
    assert (pong['sequence'], pong['request'], pong['phase']) == (5, 1, 'asleep')
    assert pong['busy_seconds'] > 0


def test_garbage_on_the_work_channel_is_answered_and_survived(greeted):
    greeted.work.send_multipart([b'worker', b'garbage', b'more'])
    kind, error = greeted.receive(greeted.work)
    assert (kind, error['id'], error['error']['code']) == (Kind.ERROR, 0, 'PROTOCOL_HEADER')
    greeted.work.send_multipart([b'worker', encode_preamble(Kind.REQUEST, EPOCH, 2), b'\xc1'])
    assert greeted.receive(greeted.work)[1]['error']['code'] == 'PROTOCOL_HEADER'
    greeted.request(9, ['nothing'])
    assert greeted.receive(greeted.work)[1]['id'] == 9


def test_a_message_of_one_frame_takes_nothing_of_the_next(greeted):
    # Both wait behind the first, so that the worker finds them one after the other at once.
    greeted.request(1, ['sleep', '0.5'])
    greeted.work.send_multipart([b'worker', encode_preamble(Kind.REQUEST, EPOCH, 1)])
    greeted.request(2, ['nothing'])
    assert greeted.receive(greeted.work)[1]['id'] == 1
    kind, error = greeted.receive(greeted.work)
    assert (kind, error['error']['code']) == (Kind.ERROR, 'PROTOCOL_HEADER')
    assert greeted.receive(greeted.work)[1]['id'] == 2


def test_a_request_of_an_earlier_session_is_dropped(greeted):
    header = {'id': 1, 'verb': 'release', 'deadline_ms': None, 'body': {'handles': ['x']}, 'tensors': []}
    stale = [encode_preamble(Kind.REQUEST, EPOCH - 1, 2), msgspec.msgpack.encode(header)]
    greeted.work.send_multipart([b'worker', *stale])
    greeted.request(2, ['nothing'])
    assert greeted.receive(greeted.work)[1]['id'] == 2


def test_shutdown_ends_the_process_with_exit_code_0(greeted):
    greeted.send(greeted.control, Kind.SHUTDOWN, {})
    greeted.send(greeted.work, Kind.SHUTDOWN, {})
    assert greeted.process.wait(timeout=5) == 0


def test_the_end_of_stdin_ends_the_process_in_the_middle_of_a_request(greeted):
    greeted.request(1, ['sleep_for_ever'])
    greeted.process.stdin.close()
    assert greeted.process.wait(timeout=2) != 0
    greeted.process.stdin = None


def test_a_worker_without_a_driver_says_so(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith('SRWM_')}
    result = subprocess.run(
        [sys.executable, '-m', 'srwm.worker'],
        env={**environment, 'PYTHONPATH': str(ROOT / 'py')},
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert result.returncode == 1
    assert 'SRWM_CONTROL_ENDPOINT must be set' in result.stderr
    assert 'Traceback' not in result.stderr
