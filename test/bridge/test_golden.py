"""The golden vectors of bridge/protocol, read by the Python side: same bytes, same meaning."""

import json
import math
from pathlib import Path

import msgspec
import pytest

from srwm.worker import messages_gen
from srwm.worker.arena import Arena
from srwm.worker.wire import Codec, decode_preamble, encode_preamble, tensors_of

GOLDEN = Path(__file__).resolve().parents[2] / 'bridge' / 'protocol' / 'golden'
VALUES = json.loads((GOLDEN / 'values.json').read_text(encoding='utf-8'))
MESSAGES = json.loads((GOLDEN / 'messages.json').read_text(encoding='utf-8'))


def from_golden(value):
    if isinstance(value, list):
        return [from_golden(item) for item in value]
    if not isinstance(value, dict):
        return value
    if '$int' in value:
        return int(value['$int'])
    if '$float' in value:
        return float(value['$float'])
    return {key: from_golden(item) for key, item in value.items()}


def is_same(left, right):
    """Equality that also holds for NaN."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(is_same, left, right))
    return left == right


@pytest.mark.parametrize('vector', VALUES, ids=[vector['name'] for vector in VALUES])
def test_decodes_what_typescript_sends(vector):
    assert is_same(msgspec.msgpack.decode(bytes.fromhex(vector['hex'])), from_golden(vector['value']))


@pytest.mark.parametrize('vector', VALUES, ids=[vector['name'] for vector in VALUES])
def test_encodes_what_typescript_expects(vector):
    assert msgspec.msgpack.encode(from_golden(vector['value'])).hex() == vector['python_hex']


@pytest.mark.parametrize('message', MESSAGES, ids=[message['name'] for message in MESSAGES])
def test_reads_and_writes_the_preamble_of_a_message(message):
    frames = [bytes.fromhex(frame) for frame in message['frames']]
    preamble = decode_preamble(frames[0], len(frames))
    assert (preamble.kind, preamble.epoch) == (message['kind_number'], message['epoch'])
    assert encode_preamble(preamble.kind, preamble.epoch, len(frames)) == frames[0]


STRUCTS = {
    'PING': messages_gen.Ping,
    'PONG': messages_gen.Pong,
    'CANCEL': messages_gen.Cancel,
    'SHUTDOWN': messages_gen.Shutdown,
    'REQUEST': messages_gen.RequestHeader,
    'REPLY': messages_gen.ReplyHeader,
    'ERROR': messages_gen.ErrorHeader,
}


@pytest.mark.parametrize('message', MESSAGES, ids=[message['name'] for message in MESSAGES])
def test_a_header_survives_its_generated_type(message):
    data = bytes.fromhex(message['frames'][1])
    header = msgspec.msgpack.decode(data, type=STRUCTS[message['kind']])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(header)) == from_golden(message['header'])


@pytest.mark.parametrize(
    'message', [m for m in MESSAGES if m['kind'] == 'REQUEST'], ids=lambda message: message['name']
)
def test_a_request_has_a_typed_body_and_tensors(message):
    frames = [bytes.fromhex(frame) for frame in message['frames']]
    codec = Codec()
    header = codec.header(frames[1])
    body = codec.body(header)
    assert type(body) is messages_gen.REQUESTS[header.verb]
    assert msgspec.to_builtins(body) == from_golden(message['header'])['body']
    arena = Arena('', 1 << 24)
    in_frames = [
        tensor
        for spec, tensor in zip(header.tensors, tensors_of(header.tensors, frames[2:], arena), strict=True)
        if spec.offset is None
    ]
    assert [len(tensor.data) for tensor in in_frames] == [len(frame) for frame in frames[2:]]


def test_an_attribute_keeps_the_type_it_was_sent_with():
    message = next(m for m in MESSAGES if m['name'] == 'load_graph with a scan')
    codec = Codec()
    graph = codec.body(codec.header(bytes.fromhex(message['frames'][1]))).graph
    attrs = graph.nodes[0].attrs
    assert [type(attrs[name]) for name in ('dim', 'alpha', 'flag', 'none')] == [int, float, bool, type(None)]
    assert attrs['sizes'] == [2, 3]
    assert attrs['names'] == ['a']
    assert graph.nodes[1].body.nodes[0].op == 'aten.relu.default'
