"""Builds stand-ins for the two glib libraries that ProcGen's library names and never calls."""

from __future__ import annotations

import ctypes as C
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import EnvError

_SYMBOLS = (
    'g_main_context_default',
    'g_main_context_iteration',
    'g_main_context_new',
    'g_main_context_pending',
    'g_main_context_pop_thread_default',
    'g_main_context_push_thread_default',
    'g_main_context_ref',
    'g_main_context_unref',
    'g_main_context_wakeup',
    'g_source_add_poll',
    'g_source_attach',
    'g_source_destroy',
    'g_source_new',
    'g_source_remove_poll',
    'g_source_set_can_recurse',
    'g_source_unref',
)
STUBS = {'libglib-2.0.so.0': _SYMBOLS, 'libgthread-2.0.so.0': ('srwm_no_gthread',)}


def missing_libraries() -> list[str]:
    """The names among glib's two that this system cannot load."""
    missing = []
    for name in STUBS:
        try:
            C.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def build_stubs(folder: Path) -> list[Path]:
    """Compiles both stubs into `folder`. Raises ENV_LIBRARY_MISSING where there is no C compiler."""
    compiler = next(filter(shutil.which, filter(None, (os.environ.get('CC'), 'cc', 'gcc', 'clang'))), None)
    if compiler is None:
        raise EnvError(
            'ENV_LIBRARY_MISSING',
            f'procgen: {" and ".join(STUBS)}, or a C compiler to make stubs of them, must be installed.',
            'Install libglib2.0-0 (Debian 13: libglib2.0-0t64) or gcc, and run `srwm setup` again.',
        )
    folder.mkdir(parents=True, exist_ok=True)
    return [_compile(compiler, folder / name, symbols) for name, symbols in STUBS.items()]


def _compile(compiler: str, target: Path, symbols: tuple[str, ...]) -> Path:
    # A stub that is called after all ends its host with a sentence instead of going on with nonsense.
    lines = ['#include <stdio.h>', '#include <stdlib.h>']
    lines += [
        f'void {symbol}(void) {{ fputs("procgen: {symbol} was called in a stub of {target.name}; '
        f'install libglib2.0-0\\n", stderr); abort(); }}'
        for symbol in symbols
    ]
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        source, built = Path(work, 'stub.c'), Path(work, target.name)
        source.write_text('\n'.join(lines) + '\n')
        command = [
            compiler,
            '-shared',
            '-fPIC',
            '-O1',
            f'-Wl,-soname,{target.name}',
            '-o',
            str(built),
            str(source),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise EnvError(
                'ENV_LIBRARY_MISSING',
                f'procgen: {compiler} must compile {target.name}, got: {result.stderr.strip()[-400:]}',
                'Install libglib2.0-0, and run `srwm setup` again.',
            )
        built.replace(target)
    return target
