"""What ends this process when its driver is gone, however the driver died."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def die_with_driver() -> None:
    """Ends the process when stdin reaches its end; on Linux also by a kernel signal, which needs no GIL."""
    threading.Thread(target=_watch_stdin, name='orphan', daemon=True).start()
    die_with_parent(os.getppid())


def die_with_parent(parent: int) -> None:
    """Asks Linux for a kernel signal at the end of `parent`, this process's own; elsewhere it does nothing."""
    if sys.platform != 'linux':
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the call above: then no signal will come.
    if os.getppid() != parent:
        os._exit(1)


def _watch_stdin() -> None:
    while os.read(0, 4096):
        pass
    if leads_group():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def leads_group() -> bool:
    """True when this process and what it started have a process group of their own."""
    return hasattr(os, 'getpgid') and os.getpgid(0) == os.getpid()


def end_group() -> None:
    """Asks every process that this one started to end. Main thread only: it sets a signal handler."""
    if leads_group():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
