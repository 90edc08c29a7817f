"""The rival of `bridge/grpc`: gRPC's Python server with what its users tune.

One unary method that takes bytes and answers with none. The bytes come as they are, without protobuf, which would copy
them once more. No cap on a message, frames and windows as large as HTTP/2 allows, a unix socket; `threads` is the
ordinary server with one thread, `asyncio` the other one. The row measures both and takes the faster.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import numpy as np

METHOD = 'bench.Tensors', 'Put'
OPTIONS = [
    ('grpc.max_receive_message_length', -1),
    ('grpc.http2.max_frame_size', 16_777_215),
    ('grpc.http2.lookahead_bytes', 16_777_216),
]
UNLIMITED = [('grpc.max_receive_message_length', -1)]


def take(data: bytes) -> bytes:
    """As the worker does: the bytes become an array, not one of them is copied."""
    np.frombuffer(data, np.uint8)
    return b''


def handler_of(behaviour):
    service, method = METHOD
    unary = grpc.unary_unary_rpc_method_handler(behaviour)
    return grpc.method_handlers_generic_handler(service, {method: unary})


def serve_with_threads(address: str, options: list[tuple[str, int]]) -> None:
    server = grpc.server(ThreadPoolExecutor(1), options=options)
    server.add_generic_rpc_handlers((handler_of(lambda data, _: take(data)),))
    server.add_insecure_port(address)
    server.start()
    print('ready', flush=True)
    sys.stdin.read()
    server.stop(None).wait()


async def serve_with_asyncio(address: str, options: list[tuple[str, int]]) -> None:
    async def behaviour(data: bytes, _: object) -> bytes:
        return take(data)

    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((handler_of(behaviour),))
    server.add_insecure_port(address)
    await server.start()
    print('ready', flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(None)


if __name__ == '__main__':
    kind, address, tuning = sys.argv[1:]
    options = OPTIONS if tuning == 'large_frames' else UNLIMITED
    if kind == 'asyncio':
        asyncio.run(serve_with_asyncio(address, options))
    else:
        serve_with_threads(address, options)
