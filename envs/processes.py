"""What every pool with processes of its own needs: how they start, die with their parent, and are spoken of."""

from __future__ import annotations

import ctypes as C
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_TAIL_BYTES = 2000


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent dies, and checks that it has not died already.

    Only Linux can be asked; elsewhere a process notices that its pipe has closed.
    """
    if sys.platform == 'linux':
        C.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def tail_of(log: int) -> str:
    """The end of what a process wrote into its log file, as a sentence for an error."""
    size = os.fstat(log).st_size
    text = os.pread(log, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors='replace').strip()
    return f' Its last output: {text}' if text else ' It wrote no output.'


def how_it_ended(status: int | None) -> str:
    """An exit status in words; None where the process has not ended."""
    if status is None:
        return 'closed its pipe'
    if status < 0:
        return f'was killed by signal {-status} ({signal.Signals(-status).name})'
    return f'exited with code {status}'


def python_path() -> str:
    """`PYTHONPATH` with the folder first from which this package was imported, however it was found."""
    depth = __name__.count('.')
    root = str(Path(__file__).absolute().parents[depth])
    inherited = os.environ.get('PYTHONPATH')
    return f'{root}{os.pathsep}{inherited}' if inherited else root
