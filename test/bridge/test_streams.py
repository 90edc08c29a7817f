"""The order of two streams, with stand-ins that write down what is asked of a GPU: none is needed to test it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

from srwm.worker.engine.store import Store
from srwm.worker.engine.streams import Streams


class Stream:
    def __init__(self, name, said):
        self.name, self._said = name, said

    def record_event(self):
        self._said.append(f'{self.name} records')
        return f'event of {self.name}'

    def wait_event(self, event):
        self._said.append(f'{self.name} waits for {event}')

    def synchronize(self):
        self._said.append(f'{self.name} is waited for')


@pytest.fixture
def said(monkeypatch):
    """What was asked, in order; streams are told apart by name."""
    said: list[str] = []
    learn = Stream('learn', said)
    current = [learn]

    @contextmanager
    def stream(other):
        current[0] = other
        try:
            yield
        finally:
            current[0] = learn

    monkeypatch.setattr(torch.cuda, 'Stream', lambda device: Stream('act', said))
    monkeypatch.setattr(torch.cuda, 'stream', stream)
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda device: current[0])
    return said


def streams_on(device):
    store = Store()
    store.device = torch.device(device)
    return Streams(store)


def test_acting_waits_for_what_was_published_and_for_nothing_that_came_later(said):
    streams = streams_on('cuda:0')
    assign = streams.publishes(lambda: said.append('assign'))
    assign()
    said.append('accumulate')
    with streams.acting():
        said.append('collect')
    assert said == [
        'assign',
        'learn records',
        'accumulate',
        'act waits for event of learn',
        'collect',
        'act is waited for',
    ]


def test_what_the_act_lane_makes_for_itself_does_not_hide_what_was_published(said):
    streams = streams_on('cuda:0')
    put = streams.publishes(lambda: None)
    noise = streams.publishes(lambda: None)
    put()
    with streams.acting():
        noise()
    with streams.acting():
        pass
    assert [line for line in said if 'waits' in line] == ['act waits for event of learn'] * 2
    assert 'act records' not in said


def test_a_request_that_fails_publishes_nothing_and_frees_the_lane(said):
    streams = streams_on('cuda:0')

    def fail():
        raise ValueError('no')

    with pytest.raises(ValueError, match='no'):
        streams.publishes(fail)()
    with pytest.raises(ValueError, match='no'), streams.acting():
        fail()
    with streams.acting():
        pass
    assert said == ['act is waited for']


def test_a_cpu_has_no_streams(said):
    streams = streams_on('cpu')
    assert streams.publishes(lambda: 7)() == 7
    with streams.acting():
        pass
    assert said == []
