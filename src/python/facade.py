"""What pythonia calls: one function that takes and returns JSON text, and never raises.

Loaded by path into the interpreter that src/python starts. Everything that pythonia itself gets wrong with a value,
an exception or a coroutine is settled here, before it sees them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import os
import sys
import sysconfig
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

SAFE = 2**53 - 1
"""The largest integer that a JavaScript number tells from its neighbours."""
DEEPEST = 64

# Made once: json.loads and json.dumps look for marks and white space, and make an encoder for each call.
_read = json.JSONDecoder().raw_decode
_write = json.JSONEncoder(allow_nan=False).encode
_quote = json.encoder.encode_basestring_ascii
_process = os.getpid()
_modules: list[ModuleType] = []
_limits = {'values': 0, 'characters': 0}
_runner: asyncio.Runner | None = None


class Refused(Exception):
    """A value that does not travel; `code` is PYTHON_VALUE or PYTHON_SIZE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- The process -------------------------------------------------------------------------------------------------


def settle(text: str) -> str:
    """Prepares the process for a colleague's code. Called once, before anything else."""
    settings = json.loads(text)
    _limits.update(settings['limits'])
    # A group of its own: it ends together with what it started, and Ctrl-C stays the driver's decision.
    os.setpgid(0, 0)
    _die_with(settings['parent'])
    # Prints, of C code too, go to stderr; input() finds the end of its file instead of the person's terminal.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # The channel is ours alone: no program that a colleague starts inherits it or looks for it.
    os.set_inheritable(int(os.environ.pop('NODE_CHANNEL_FD')), False)
    # pythonia's own folder and modules must not stand in for a colleague's proxy.py or Bridge.py.
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (settings['pythonia'], here):
        sys.path[:] = [
            entry for entry in sys.path if os.path.realpath(entry or '.') != os.path.realpath(folder)
        ]
    for name in ('Bridge', 'proxy', 'json_patch'):
        sys.modules.pop(name, None)
    return json.dumps(os.getpid())


def _die_with(parent: int) -> None:
    """Ends this process when its driver is gone, however it died: SIGKILL and a call in progress included."""
    from srwm.worker.orphan import die_with_parent

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name='parent', daemon=True).start()
    die_with_parent(parent)


# --- Calls -------------------------------------------------------------------------------------------------------


def answer(text: str) -> str:
    """Answers one request: `{file}` loads a module, `{module, function, arguments, keywords}` calls into it."""
    # What JSON.stringify wrote: one value, with nothing before or behind it.
    request, _ = _read(text)
    try:
        if 'file' in request:
            return _write({'value': _load(request['file'])})
        return _encode(_invoke(request))
    except Refused as refusal:
        return _write({'refused': {'code': refusal.code, 'message': str(refusal)}})
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a colleague's function must not end the interpreter.
        return _write({'raised': _describe(error)})
    finally:
        if (
            os.getpid() != _process
        ):  # A child that os.fork() made came back from the call: the answer is not its own.
            os._exit(0)


def _load(file: str) -> int:
    for index, module in enumerate(_modules):
        if module.__file__ == file:
            return index
    folder, stem = os.path.dirname(file), Path(file).stem
    taken = stem in sys.modules or importlib.util.find_spec(stem) is not None
    name = f'srwm_call_{len(_modules)}_{stem}' if taken else stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f'{file} is no Python source file')
    module = importlib.util.module_from_spec(spec)
    # Last, so that a file random.py beside it shadows no module of Python's.
    if folder not in sys.path:
        sys.path.append(folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _modules.append(module)
    return len(_modules) - 1


def _invoke(request: dict[str, Any]) -> Any:
    global _runner
    module = _modules[request['module']]
    function = getattr(module, request['function'], None)
    if not callable(function):
        names = sorted(
            name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != '_'
        )
        kind = 'nothing' if function is None else f'a {type(function).__name__}'
        listed = ', '.join(names) or 'no function'
        raise Refused(
            'PYTHON_FUNCTION', f'must be a function of {module.__file__}, got {kind}; it has {listed}'
        )
    arguments, keywords = request['arguments'], request['keywords']
    if request['tagged']:
        arguments = _untag(arguments)
        keywords = {name: _untag(value) for name, value in keywords.items()}
    result = function(*arguments, **keywords)
    if inspect.iscoroutine(result):
        # One loop for all calls, so that what a coroutine leaves open there is still open in the next.
        _runner = _runner or asyncio.Runner()
        result = _runner.run(result)
    return result


def _describe(error: BaseException) -> dict[str, Any]:
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a __str__ that raises says nothing, which is no reason to fail.
        message = ''
    if isinstance(error, SystemExit):
        message = f'sys.exit({error.code!r}) was called'
    frames = traceback.extract_tb(error.__traceback__)
    libraries = tuple(sysconfig.get_path(name) for name in ('stdlib', 'platstdlib', 'purelib', 'platlib'))
    theirs = [
        frame
        for frame in frames
        if frame.filename != __file__ and not frame.filename.startswith((*libraries, '<'))
    ]
    place = theirs[-1] if theirs else None
    file, line = (place.filename, place.lineno) if place else (None, None)
    if isinstance(error, SyntaxError) and error.filename is not None:
        file, line, message = error.filename, error.lineno, error.msg
    return {
        'type': type(error).__qualname__,
        'message': message,
        'file': file,
        'line': line,
        'function': place.name if place else None,
        'traceback': ''.join(traceback.format_exception(error)),
    }


# --- Values ------------------------------------------------------------------------------------------------------


def _untag(value: Any) -> Any:
    """Undoes src/python/values.ts: `{"$float": "nan"}` is a float, and a key of the caller's own has one more $."""
    if isinstance(value, list):
        return [_untag(item) for item in value]
    if isinstance(value, dict):
        if '$float' in value:
            return float(value['$float'])
        return {key[1:] if key.startswith('$') else key: _untag(item) for key, item in value.items()}
    return value


def _encode(value: Any) -> str:
    if type(value) is str and len(value) <= _limits['characters']:
        return f'{{"value": {_quote(value)}}}'
    encoder = _Encoder()
    plain = encoder.encode(value, 'the result', 0)
    return _write({'tagged' if encoder.tagged else 'value': plain})


class _Encoder:
    """Turns a result into what strict JSON can say, and refuses what it cannot."""

    def __init__(self) -> None:
        self.tagged = False
        self._values = 0
        self._characters = 0

    def encode(self, value: Any, at: str, depth: int) -> Any:
        self._count(1)
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            self._count(0, len(value))
            return str(value)
        if isinstance(value, int):
            if not -SAFE <= value <= SAFE:
                raise Refused(
                    'PYTHON_VALUE',
                    f'{at} is an int beyond 2**53, which JavaScript would round: return str or float',
                )
            return int(value)
        if isinstance(value, float):
            return self._float(float(value))
        if depth == DEEPEST:
            raise Refused('PYTHON_VALUE', f'the result is nested deeper than {DEEPEST}, or holds itself')
        if isinstance(value, (list, tuple)):
            return [self.encode(item, f'{at}[{index}]', depth + 1) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                self._key(key, at): self.encode(item, f'{at}[{key!r}]', depth + 1)
                for key, item in value.items()
            }
        if hasattr(value, 'item') and getattr(value, 'shape', None) == ():
            return self.encode(value.item(), at, depth + 1)
        raise Refused(
            'PYTHON_VALUE', f'{at} is a {_name(value)}, which JSON has no form for: {_advice(value)}'
        )

    def _float(self, value: float) -> Any:
        if value - value == 0:
            return value
        self.tagged = True
        return {'$float': repr(value)}

    def _key(self, key: Any, at: str) -> str:
        if not isinstance(key, str):
            raise Refused('PYTHON_VALUE', f'{at} has the key {key!r}, and keys must be str: write str(key)')
        self._count(0, len(key))
        if not key.startswith('$'):
            return str(key)
        self.tagged = True
        return f'${key}'

    def _count(self, values: int, characters: int = 0) -> None:
        self._values += values
        self._characters += characters
        for name, got in (('values', self._values), ('characters', self._characters)):
            if got > _limits[name]:
                most = f'{_limits[name]} {name}'
                raise Refused(
                    'PYTHON_SIZE',
                    f'the result holds more than {most}: write it to a file, return its path',
                )


def _name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == 'builtins' else f'{kind.__module__}.{kind.__qualname__}'


def _advice(value: Any) -> str:
    if hasattr(value, 'tolist'):
        return 'return .tolist() of a small one; write a large one to a file and return its path'
    if isinstance(value, (bytes, bytearray, memoryview)):
        return 'write the bytes to a file and return its path'
    if inspect.isgenerator(value) or isinstance(value, (set, frozenset)):
        return 'return list(...)'
    if hasattr(value, 'isoformat'):
        return 'return .isoformat()'
    return 'return numbers, text, lists and dicts'
