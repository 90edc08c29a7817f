"""Frames of the bridge as Python values; what is not a valid message ends here, with a code."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from srwm.worker.arena import Arena
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import (
    ITEM_BYTES,
    MAX_FRAME_BYTES,
    MAX_FRAMES,
    PROTOCOL_MAJOR,
    REQUESTS,
    Failure,
    Kind,
    RequestHeader,
    SentTensor,
)

MAGIC = b'SRWM'
PREAMBLE = struct.Struct('<4sBBHIHH')

Buffer: TypeAlias = bytes | bytearray | memoryview


class WireTensor(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor: little-endian bytes in C order. Bytes that can be written to are the holder's alone."""

    dtype: str
    shape: tuple[int, ...]
    data: Buffer


@dataclass(frozen=True, kw_only=True)
class Preamble:
    """The first frame of a message; `frames` counts all of them, this one included."""

    kind: Kind
    epoch: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request whose header, body and tensors are valid."""

    header: RequestHeader
    body: msgspec.Struct
    tensors: list[WireTensor]


def encode_preamble(kind: Kind, epoch: int, frames: int) -> bytes:
    """Sixteen bytes."""
    return PREAMBLE.pack(MAGIC, PROTOCOL_MAJOR, kind, 0, epoch, frames, 0)


def request_prefix(epoch: int) -> bytes:
    """How the preamble of every request of a session begins: all of it but the frame count."""
    return encode_preamble(Kind.REQUEST, epoch, 0)[:12]


def decode_preamble(data: Buffer, frames: int) -> Preamble:
    """The preamble of a message of `frames` frames. Raises PROTOCOL_HEADER or PROTOCOL_VERSION."""
    if len(data) != PREAMBLE.size or bytes(data[:4]) != MAGIC:
        raise WorkerError(
            'PROTOCOL_HEADER',
            f'message: must open with a 16-byte preamble, got {len(data)} bytes {bytes(data[:16]).hex()}.',
        )
    _, major, kind, _, epoch, count, _ = PREAMBLE.unpack(data)
    if major != PROTOCOL_MAJOR:
        raise WorkerError(
            'PROTOCOL_VERSION',
            f'message: protocol major must be {PROTOCOL_MAJOR}, got {major} from the driver.',
        )
    if kind not in Kind._value2member_map_ or count != frames or not 2 <= count <= MAX_FRAMES:
        raise WorkerError(
            'PROTOCOL_HEADER',
            f'message: kind and frame count must be valid, got kind {kind} and {count} for {frames} frames.',
        )
    return Preamble(kind=Kind(kind), epoch=epoch, frames=count)


class Codec:
    """Decoders and encoder, built once: building one costs more than using it."""

    def __init__(self) -> None:
        self._header = msgspec.msgpack.Decoder(RequestHeader)
        self._bodies = {verb: msgspec.msgpack.Decoder(body) for verb, body in REQUESTS.items()}
        self._encode = msgspec.msgpack.Encoder().encode
        # Of replies without tensors, by epoch: nearly all are.
        self._plain: dict[int, bytes] = {}

    def header(self, data: Buffer) -> RequestHeader:
        """A request header. Raises PROTOCOL_HEADER, naming the path."""
        try:
            return self._header.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WorkerError(
                'PROTOCOL_HEADER', f'request: header must match its schema, got {error}.'
            ) from error

    def body(self, header: RequestHeader) -> msgspec.Struct:
        """The body of a request. Raises PROTOCOL_VERB or PROTOCOL_BODY, naming the path."""
        decoder = self._bodies.get(header.verb)
        if decoder is None:
            raise WorkerError('PROTOCOL_VERB', f'request: verb must be known, got "{header.verb}".')
        try:
            return decoder.decode(header.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WorkerError(
                'PROTOCOL_BODY', f'{header.verb}: body must match its schema, got {error}.'
            ) from error

    def reply(
        self,
        epoch: int,
        request: int,
        body: dict[str, Any],
        tensors: Sequence[WireTensor],
        seconds: float,
        freed: list[int],
    ) -> list[Buffer]:
        """Frames of a REPLY."""
        specs: list[dict[str, Any]] = []
        header = {'id': request, 'body': body, 'tensors': specs, 'freed': freed, 'worker_seconds': seconds}
        if not tensors:
            preamble = self._plain.get(epoch)
            if preamble is None:
                preamble = self._plain[epoch] = encode_preamble(Kind.REPLY, epoch, 2)
            return [preamble, self._encode(header)]
        for tensor in tensors:
            check_tensor(tensor.dtype, tensor.shape, len_bytes(tensor.data))
            specs.append({'dtype': tensor.dtype, 'shape': tensor.shape})
        preamble = encode_preamble(Kind.REPLY, epoch, 2 + len(tensors))
        return [preamble, self._encode(header), *(tensor.data for tensor in tensors)]

    def error(
        self, epoch: int, request: int, failure: Failure, seconds: float, freed: list[int]
    ) -> list[Buffer]:
        """Frames of an ERROR; request 0 where none could be read."""
        header = {'id': request, 'error': failure, 'freed': freed, 'worker_seconds': seconds}
        return [encode_preamble(Kind.ERROR, epoch, 2), self._encode(header)]

    def control(self, kind: Kind, epoch: int, message: msgspec.Struct) -> list[Buffer]:
        """Frames of a message without tensors."""
        return [encode_preamble(kind, epoch, 2), self._encode(message)]


def tensors_of(specs: Sequence[SentTensor], frames: Sequence[Buffer], arena: Arena) -> list[WireTensor]:
    """Tensors of a request, in the arena and in frames. Raises PROTOCOL_TENSOR where number or length differ."""
    if not specs and not frames:
        return []
    tensors = []
    taken = 0
    # All of them are taken before anything is refused: a place that nobody took would never be free again.
    for spec in specs:
        data: Buffer = b''
        if spec.offset is not None:
            data = arena.view(spec.offset, bytes_of(spec))
        else:
            if taken < len(frames):
                data = frames[taken]
            taken += 1
        tensors.append(WireTensor(dtype=spec.dtype, shape=tuple(spec.shape), data=data))
    if taken != len(frames):
        raise WorkerError(
            'PROTOCOL_TENSOR',
            f'request: each tensor must have a frame, got {taken} tensors and {len(frames)} frames.',
        )
    for tensor in tensors:
        check_tensor(tensor.dtype, tensor.shape, len_bytes(tensor.data))
    return tensors


def bytes_of(spec: SentTensor) -> int:
    """Bytes of a tensor of this dtype and shape."""
    return math.prod(spec.shape) * ITEM_BYTES[spec.dtype]


def check_tensor(dtype: str, shape: tuple[int, ...], size: int) -> None:
    """Raises PROTOCOL_TENSOR unless `size` bytes hold exactly one tensor of this dtype and shape."""
    if dtype not in ITEM_BYTES:
        raise WorkerError(
            'PROTOCOL_TENSOR', f'tensor: dtype must be one of {", ".join(ITEM_BYTES)}, got {dtype}.'
        )
    expected = math.prod(shape) * ITEM_BYTES[dtype]
    if size != expected:
        raise WorkerError(
            'PROTOCOL_TENSOR',
            f'tensor: {dtype} {list(shape)} must be {expected} bytes, got {size}.',
        )
    if size > MAX_FRAME_BYTES:
        raise WorkerError(
            'PROTOCOL_SIZE', f'tensor: a frame must be at most {MAX_FRAME_BYTES} bytes, got {size}.'
        )


def len_bytes(data: Buffer) -> int:
    """Bytes of a buffer; `len` of a memoryview counts elements."""
    return data.nbytes if isinstance(data, memoryview) else len(data)
