"""What is not a valid message ends with a code that says how."""

import msgspec
import pytest

from srwm.worker.arena import Arena
from srwm.worker.context import Activity, Context
from srwm.worker.errors import Cancelled, WorkerError, failure_of
from srwm.worker.messages_gen import ITEM_BYTES, REMEDIES, Kind, SentTensor
from srwm.worker.wire import Codec, WireTensor, decode_preamble, encode_preamble, tensors_of

NONE = Arena('', 0)
GOOD = encode_preamble(Kind.REQUEST, 7, 2)


def code_of(call):
    with pytest.raises(WorkerError) as caught:
        call()
    assert caught.value.remedy
    return caught.value.code


@pytest.mark.parametrize(
    ('preamble', 'frames'),
    [
        (b'', 2),
        (GOOD[:15], 2),
        (GOOD + b'\0', 2),
        (b'HTTP/1.1 200 OK\r', 2),
        (GOOD, 3),
        (encode_preamble(Kind.REQUEST, 7, 1), 1),
        (GOOD[:5] + b'\x63' + GOOD[6:], 2),
    ],
    ids=['empty', 'short', 'long', 'other magic', 'wrong count', 'no header', 'unknown kind'],
)
def test_a_bad_preamble_is_refused(preamble, frames):
    assert code_of(lambda: decode_preamble(preamble, frames)) == 'PROTOCOL_HEADER'


def test_another_major_version_is_refused_before_anything_else_is_read():
    assert code_of(lambda: decode_preamble(GOOD[:4] + b'\x02' + GOOD[5:], 2)) == 'PROTOCOL_VERSION'


@pytest.mark.parametrize(
    'data', [b'', b'\xc1', b'\xff' * 40, b'\x80', b'\xdf\xff\xff\xff\xff', msgspec.msgpack.encode([1, 2])]
)
def test_garbage_in_place_of_a_header_is_refused(data):
    assert code_of(lambda: Codec().header(data)) == 'PROTOCOL_HEADER'


def request(verb, body):
    fields = {'id': 1, 'verb': verb, 'deadline_ms': None, 'body': body, 'tensors': []}
    return Codec().header(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(
    ('verb', 'body', 'path'),
    [
        ('release', {'handles': ['a', 1]}, '$.handles[1]'),
        ('release', {}, 'handles'),
        ('release', {'handles': [], 'more': 1}, 'more'),
        ('release', {'handles': ['']}, '$.handles[0]'),
        ('digest', [1], 'object'),
    ],
)
def test_a_body_that_does_not_match_names_the_field(verb, body, path):
    with pytest.raises(WorkerError, match='body must match its schema') as caught:
        Codec().body(request(verb, body))
    assert caught.value.code == 'PROTOCOL_BODY'
    assert path in caught.value.message


def test_an_unknown_verb_is_refused():
    assert code_of(lambda: Codec().body(request('fly', {}))) == 'PROTOCOL_VERB'


@pytest.mark.parametrize('dtype', sorted(ITEM_BYTES))
def test_a_tensor_must_be_as_long_as_its_shape_says(dtype):
    spec = SentTensor(dtype=dtype, shape=[2, 3], offset=None)
    size = 6 * ITEM_BYTES[dtype]
    assert tensors_of([spec], [bytes(size)], NONE)[0].shape == (2, 3)
    assert code_of(lambda: tensors_of([spec], [bytes(size - 1)], NONE)) == 'PROTOCOL_TENSOR'
    assert code_of(lambda: tensors_of([spec], [], NONE)) == 'PROTOCOL_TENSOR'


def test_empty_tensors_and_scalars_have_frames():
    specs = [
        SentTensor(dtype='float32', shape=[0, 4], offset=None),
        SentTensor(dtype='bool', shape=[], offset=None),
    ]
    assert [tensor.shape for tensor in tensors_of(specs, [b'', b'\1'], NONE)] == [(0, 4), ()]


def test_a_reply_with_a_wrong_tensor_is_refused():
    tensor = WireTensor(dtype='float32', shape=(2,), data=memoryview(bytearray(4)))
    assert code_of(lambda: Codec().reply(7, 1, {}, [tensor], 0.0, [])) == 'PROTOCOL_TENSOR'


def test_an_exception_without_a_code_becomes_worker_internal_with_its_traceback():
    try:
        {}['missing']
    except KeyError as error:
        failure = failure_of(error)
    assert failure.code == 'WORKER_INTERNAL'
    assert 'missing' in failure.message
    assert "{}['missing']" in failure.traceback


def test_an_exception_with_code_message_and_remedy_keeps_them():
    class PoolError(Exception):
        code, message, remedy = 'ENV_OPTION', 'pool: num_envs must be positive, got 0.', 'Raise it.'

    failure = failure_of(PoolError())
    assert (failure.code, failure.message, failure.remedy) == (
        'ENV_OPTION',
        PoolError.message,
        PoolError.remedy,
    )


def test_a_worker_error_takes_its_mend_from_the_table():
    assert WorkerError('HANDLE_UNKNOWN', 'x').remedy == REMEDIES['HANDLE_UNKNOWN']


def test_a_cancelled_request_and_a_late_one_stop_at_the_next_check():
    activity = Activity()
    Context(activity, 3, 'collect', None).check()
    activity.cancel(3)
    with pytest.raises(Cancelled, match='cancelled request 3'):
        Context(activity, 3, 'collect', None).check()
    with pytest.raises(Cancelled, match='deadline'):
        Context(activity, 4, 'collect', 0.0).check()


def test_a_cancellation_that_comes_too_late_is_forgotten():
    activity = Activity()
    activity.begin(Context(activity, 3, 'collect', None))
    activity.end(3)
    activity.cancel(3)
    assert not activity.is_cancelled(3)


def test_of_two_lanes_a_request_can_be_cancelled_that_came_before_one_already_answered():
    activity = Activity()
    collect = Context(activity, 3, 'collect', None)
    activity.begin(collect)
    activity.begin(Context(activity, 4, 'accumulate', None))
    activity.end(4)
    activity.cancel(3)
    with pytest.raises(Cancelled, match='cancelled request 3'):
        collect.check()
    activity.end(3)
    assert not activity.is_cancelled(3)


def test_a_pong_names_the_request_that_runs_longest_and_its_phase():
    activity = Activity()
    assert (activity.pong(1).request, activity.pong(1).phase) == (None, 'starting')
    collect, accumulate = (
        Context(activity, i, verb, None) for i, verb in ((3, 'collect'), (4, 'accumulate'))
    )
    activity.begin(collect)
    activity.begin(accumulate)
    collect.phase('collecting')
    accumulate.progress()
    pong = activity.pong(2)
    assert (pong.request, pong.phase, pong.progress) == (3, 'collecting', 1)
    activity.end(3)
    assert (activity.pong(3).request, activity.pong(3).phase) == (4, 'running')
