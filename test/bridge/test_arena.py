"""A place is free when nothing reads it any more, and not before."""

import sys

import numpy as np
import pytest
import torch

from srwm.worker.arena import Arena
from srwm.worker.errors import WorkerError
from srwm.worker.handlers.session import to_torch
from srwm.worker.messages_gen import SentTensor
from srwm.worker.wire import WireTensor, tensors_of

linux = pytest.mark.skipif(sys.platform != 'linux', reason='needs memfd_create, which is Linux only')
SIZE = 1 << 16
CPU = torch.device('cpu')


@pytest.fixture
def arena():
    return Arena('token', SIZE)


def code_of(call):
    try:
        call()
    except WorkerError as error:
        # Unlike pytest's, this one is gone with its frames and what they hold.
        return error.code
    raise AssertionError('the call must be refused')


HOLDERS = {
    'a slice': lambda view: view[8:],
    'an array': lambda view: np.frombuffer(view, np.uint8),
    'a row of an array': lambda view: np.frombuffer(view, np.float32).reshape(2, -1)[1],
    'a tensor': lambda view: torch.frombuffer(view, dtype=torch.float32),
    'a row of a tensor': lambda view: torch.frombuffer(view, dtype=torch.uint8)[5:],
}


@linux
@pytest.mark.parametrize('hold', HOLDERS.values(), ids=HOLDERS)
def test_a_place_is_free_when_its_last_reader_is_gone(arena, hold):
    view = arena.view(4096, 64)
    holder = hold(view)
    del view
    assert arena.take_freed() == []
    assert code_of(lambda: arena.view(4096, 64)) == 'PROTOCOL_TENSOR'
    del holder
    assert arena.take_freed() == [4096]
    assert arena.take_freed() == []
    arena.view(4096, 64)


@linux
@pytest.mark.parametrize(
    ('offset', 'size'), [(0, 1), (4080, 1), (4097, 1), (4096, SIZE), (SIZE, 1), (1 << 40, 1)]
)
def test_a_place_outside_is_refused(arena, offset, size):
    assert code_of(lambda: arena.view(offset, size)) == 'PROTOCOL_TENSOR'


def test_an_arena_that_nobody_asked_for_holds_nothing():
    arena = Arena('token', 0)
    assert arena.place() is None
    assert code_of(lambda: arena.view(4096, 1)) == 'PROTOCOL_TENSOR'


@linux
def test_places_of_a_message_that_is_refused_are_free_again(arena):
    specs = [
        SentTensor(dtype='float32', shape=[4], offset=4096),
        SentTensor(dtype='float32', shape=[4], offset=None),
    ]
    assert code_of(lambda: tensors_of(specs, [], arena)) == 'PROTOCOL_TENSOR'
    assert arena.take_freed() == [4096]
    assert code_of(lambda: tensors_of(specs, [b'123'], arena)) == 'PROTOCOL_TENSOR'
    assert arena.take_freed() == [4096]


@linux
def test_torch_reads_the_place_itself(arena):
    view = arena.view(8192, 16)
    tensor = to_torch(WireTensor(dtype='float32', shape=(2, 2), data=view), CPU)
    np.frombuffer(view, np.float32)[:] = range(4)
    assert tensor.tolist() == [[0, 1], [2, 3]]


def test_bytes_at_an_odd_address_and_bytes_of_others_are_copied():
    numbers = np.arange(3, dtype=np.float64).tobytes()
    odd = memoryview(bytearray(b'.' + numbers))[1:]
    for data in (odd, numbers):
        tensor = to_torch(WireTensor(dtype='float64', shape=(3,), data=data), CPU)
        assert tensor.tolist() == [0, 1, 2]
        assert tensor.data_ptr() % 8 == 0
        tensor.zero_()
        assert bytes(data) == numbers
