"""`python -m srwm.envs.procgen.install --cache DIR [--wheel FILE]`: fetches and checks ProcGen's library.

Prints JSON lines: progress as {"event", "message"}, at last {"library", "sha256", "stubs"}, or
{"code", "message", "remedy"} with exit code 1. Running it again does nothing; running it twice at once, or
after an interruption, is safe: every file appears under its final name complete or not at all.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from ..errors import EnvError
from ..processes import python_path
from .catalog import ASSET_FILES, LIBRARY_SHA256, WHEEL_REQUIREMENT, WHEEL_SHA256
from .pool import check_library, check_platform
from .stubs import build_stubs, missing_libraries

_TEMPORARY = '.procgen-'
_STALE_SECONDS = 3600.0
_DATA, _LICENSE = 'procgen/data/', 'procgen-0.10.7.dist-info/LICENSE'
_PIP_TARGET = (
    '--no-deps',
    '--only-binary=:all:',
    '--python-version=3.10',
    '--implementation=cp',
    '--abi=cp310',
    '--platform=manylinux2014_x86_64',
)


def _say(event: str, message: str) -> None:
    print(json.dumps({'event': event, 'message': message}), flush=True)


def install(cache: Path, wheel: Path | None) -> dict[str, str | list[str]]:
    """Makes `cache/procgen-<hash>/` hold `data`, LICENSE and, where the system lacks glib, `stubs`.

    Raises `EnvError`: ENV_PLATFORM, ENV_LIBRARY_CHECKSUM, ENV_LIBRARY_MISSING, SETUP_DOWNLOAD.
    """
    check_platform()
    cache.mkdir(parents=True, exist_ok=True)
    _remove_stale(cache)
    target = cache / f'procgen-{LIBRARY_SHA256[:12]}'
    data = target / 'data'
    if wheel is not None:
        if not wheel.is_file():
            raise EnvError(
                'ENV_LIBRARY_MISSING',
                f'procgen: --wheel must name a file, got {str(wheel)!r}.',
                'Mend the path.',
            )
        _check_wheel(wheel)
    if not _is_whole(data):
        _extract(wheel or _download(cache), target)
    stubs = [str(stub) for stub in build_stubs(target / 'stubs')] if missing_libraries() else []
    _say('check', 'loading the library')
    _check_loads(data)
    return {'library': str(data), 'sha256': LIBRARY_SHA256, 'stubs': stubs}


def _is_whole(data: Path) -> bool:
    if not data.exists():
        return False
    try:
        check_library(data)
    except EnvError as error:
        _say('damaged', f'{error.message} It is replaced.')
        return False
    found = sum(len(files) for _, _, files in os.walk(data / 'assets'))
    if found != ASSET_FILES:
        _say('damaged', f'procgen: {data} must hold {ASSET_FILES} images, got {found}. It is replaced.')
    return found == ASSET_FILES


def _remove_stale(cache: Path) -> None:
    for path in cache.glob(f'{_TEMPORARY}*'):
        # Another set-up may be at work in a young one.
        if path.is_dir() and time.time() - path.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _check_wheel(wheel: Path) -> None:
    with wheel.open('rb') as file:
        found = hashlib.file_digest(file, 'sha256').hexdigest()
    if found != WHEEL_SHA256:
        raise EnvError(
            'ENV_LIBRARY_CHECKSUM',
            f'procgen: the SHA-256 of {str(wheel)!r} must be {WHEEL_SHA256}, got {found}.',
            'Delete that file, or give the original wheel, and run `srwm setup` again.',
        )


def _download(cache: Path) -> Path:
    """The wheel in `cache`, fetched by pip unless an earlier attempt left it whole."""
    kept = cache / f'procgen-wheel-{WHEEL_SHA256[:12]}.whl'
    if kept.exists():
        try:
            _check_wheel(kept)
        except EnvError as error:
            _say('damaged', f'{error.message} It is fetched again.')
        else:
            return kept
    _say('download', f'fetching {WHEEL_REQUIREMENT} with pip')
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=cache) as work:
        requirements = Path(work, 'requirements.txt')
        requirements.write_text(f'{WHEEL_REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n')
        command = [sys.executable, '-m', 'pip', 'download', *_PIP_TARGET, '--require-hashes', '--no-input']
        command += [
            '--disable-pip-version-check',
            '--quiet',
            '--dest',
            work,
            '--requirement',
            str(requirements),
        ]
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        wheels = list(Path(work).glob('*.whl'))
        if result.returncode or not wheels:
            said = ' '.join(result.stderr.split())[-600:]
            if 'HASHES' in said:
                raise EnvError(
                    'ENV_LIBRARY_CHECKSUM',
                    f'procgen: SHA-256 of {WHEEL_REQUIREMENT} must be {WHEEL_SHA256}, got another: {said}',
                    'Use a package index that serves the original wheel.',
                )
            raise EnvError(
                'SETUP_DOWNLOAD',
                f'procgen: pip must download {WHEEL_REQUIREMENT}, got: {said}',
                'Check the network and run `srwm setup` again, or give the wheel with --wheel FILE.',
            )
        _check_wheel(wheels[0])
        wheels[0].replace(kept)
    return kept


def _extract(wheel: Path, target: Path) -> None:
    _say('extract', f'unpacking into {target}')
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=target.parent) as work:
        fresh = Path(work, 'fresh')
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith('/') or not (name.startswith(_DATA) or name == _LICENSE):
                    continue
                path = fresh / ('LICENSE' if name == _LICENSE else name.removeprefix('procgen/'))
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, path.open('wb') as sink:
                    shutil.copyfileobj(source, sink)
        check_library(fresh / 'data')
        if target.exists() and not _is_whole(target / 'data'):
            target.rename(Path(work, 'damaged'))
        try:
            fresh.rename(target)
        except OSError as error:
            # Another set-up was faster; what it left is checked like our own.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            check_library(target / 'data')


def _check_loads(data: Path) -> None:
    """Loads the library in a process of its own: Qt's statics have no place in this one."""
    code = f'import sys, pathlib, {__package__}.native as n; n.NativeLibrary(pathlib.Path(sys.argv[1]))'
    result = subprocess.run(
        [sys.executable, '-P', '-c', code, str(data)],
        env={**os.environ, 'PYTHONPATH': python_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise EnvError(
            'ENV_LIBRARY_MISSING',
            f'procgen: the library must load, got: {result.stderr.strip().splitlines()[-1:]}',
            'Install what it names (libz is zlib1g), and run `srwm setup` again.',
        )


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog='python -m srwm.envs.procgen.install', description=__doc__)
    parser.add_argument('--cache', type=Path, required=True, help='folder that gets procgen-<hash>/')
    parser.add_argument('--wheel', type=Path, help='a wheel that lies here already, instead of a download')
    arguments = parser.parse_args()
    try:
        print(json.dumps(install(arguments.cache.absolute(), arguments.wheel)), flush=True)
    except EnvError as error:
        return _fail(error.code, error.message, error.remedy)
    except OSError as error:
        code = 'SETUP_DISK_FULL' if error.errno == errno.ENOSPC else 'SETUP_UNWRITABLE'
        place = error.filename or arguments.cache
        said = f'procgen: {place} must be writable, got "{error.strerror}".'
        return _fail(code, said, 'Free some space there, or choose a cache folder that you may write.')
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(code: str, message: str, remedy: str) -> int:
    print(json.dumps({'code': code, 'message': message, 'remedy': remedy}), flush=True)
    print(f'{code}  {message} {remedy}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
