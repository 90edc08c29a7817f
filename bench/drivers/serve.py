"""One bench program as a process: JSON lines in, JSON lines out, until the driver closes stdin."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any


def serve(commands: Mapping[str, Callable[..., Any]]) -> None:
    """Answers {"command", "arguments"} with {"result"}, or with {"error"} holding a traceback."""
    # Whatever a library prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {'result': commands[request['command']](**request['arguments'])}
        except Exception:  # noqa: BLE001 - the driver decides what a failure means.
            answer = {'error': traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
