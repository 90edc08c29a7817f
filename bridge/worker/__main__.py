"""Entry of the worker process: `python -m srwm.worker`, started by bridge/client."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys

import msgspec
import zmq

from srwm.worker.arena import Arena
from srwm.worker.context import Activity
from srwm.worker.control import Control, connect
from srwm.worker.errors import WorkerError, failure_of
from srwm.worker.loader import DEFAULT_MODULE, Handlers, load_handlers
from srwm.worker.messages_gen import Bye, Kind, Ready
from srwm.worker.orphan import die_with_driver, end_group
from srwm.worker.wire import Codec
from srwm.worker.work import serve


def main() -> None:
    """Greets the driver, loads the handlers, serves requests, leaves."""
    endpoints = {
        name: required(name) for name in ('SRWM_CONTROL_ENDPOINT', 'SRWM_WORK_ENDPOINT', 'SRWM_TOKEN')
    }
    prepare_process()
    token = endpoints['SRWM_TOKEN']
    # Children have no business with the driver.
    del os.environ['SRWM_TOKEN']
    activity = Activity()
    # A context each: ending the one of `work` waits for its last message, while `control` goes on answering.
    context = zmq.Context()
    work = connect(context, endpoints['SRWM_WORK_ENDPOINT'])
    control = Control(zmq.Context(), endpoints['SRWM_CONTROL_ENDPOINT'], token, activity)
    control.start()
    epoch = control.wait_for_welcome()
    arena = Arena(token, int(os.environ.get('SRWM_ARENA_BYTES', '0')))
    handlers = ready(work, token, epoch, arena)
    if handlers is not None:
        serve(work, handlers, activity, epoch, arena)
        handlers.close()
    work.close()
    context.term()
    end_group()
    sys.stdout.flush()
    sys.stderr.flush()
    # The control thread never ends by itself, and an interpreter that tears torch down takes seconds.
    os._exit(0 if handlers is not None else 1)


def prepare_process() -> None:
    """Ties the process to its driver, whose decision Ctrl-C is; a core file would be gigabytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    die_with_driver()
    if sys.platform != 'win32':
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def required(name: str) -> str:
    """An environment variable that the driver sets."""
    value = os.environ.get(name)
    if value is None:
        sys.exit(f'worker: {name} must be set, got nothing. The driver starts the worker; run "srwm train".')
    return value


def ready(work: zmq.Socket, token: str, epoch: int, arena: Arena) -> Handlers | None:
    """Loads the handlers and says READY; on a failure says BYE with the reason and returns None."""
    codec = Codec()
    try:
        handlers = load_handlers(os.environ.get('SRWM_HANDLERS', DEFAULT_MODULE))
        message = msgspec.convert({**handlers.describe(), 'token': token, 'arena': arena.place()}, Ready)
    except Exception as error:  # noqa: BLE001 - every failure is told to the driver.
        failure = failure_of(error)
        bye = Bye(
            code='WORKER_START',
            message=failure.message
            if isinstance(error, WorkerError)
            else f'worker: handlers must load, got {error!r}.',
            remedy=failure.remedy,
            traceback=failure.traceback,
        )
        work.send_multipart(codec.control(Kind.BYE, epoch, bye))
        return None
    work.send_multipart(codec.control(Kind.READY, epoch, message))
    return handlers


if __name__ == '__main__':
    main()
