"""Fetching, checking and unpacking ProcGen's library, without a network."""

import hashlib
import json
import os
import platform
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from srwm.envs import EnvError
from srwm.envs.procgen import install, pool, stubs
from srwm.envs.procgen.catalog import WHEEL_REQUIREMENT, WHEEL_SHA256

LIBRARY = b'a library'

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ('linux', 'x86_64'), reason='ProcGen installs on Linux x86-64 only'
)


def run(monkeypatch, capsys, *arguments):
    """The exit code, the last JSON line and stderr of the command."""
    monkeypatch.setattr('sys.argv', ['install', *map(str, arguments)])
    code = install.main()
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    return code, lines, err


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A small wheel whose checksums the installer is told to expect."""
    path = tmp_path / 'small.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('procgen/data/prebuilt/libenv.so', LIBRARY)
        archive.writestr('procgen/data/assets/water_backgrounds/water.png', b'blue')
        archive.writestr('procgen/env.py', b'')
        archive.writestr('procgen-0.10.7.dist-info/LICENSE', b'MIT')
    library_sha = hashlib.sha256(LIBRARY).hexdigest()
    monkeypatch.setattr(install, 'WHEEL_SHA256', hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(install, 'LIBRARY_SHA256', library_sha)
    monkeypatch.setattr(pool, 'LIBRARY_SHA256', library_sha)
    monkeypatch.setattr(install, 'ASSET_FILES', 1)
    monkeypatch.setattr(install, '_check_loads', lambda data: None)
    return path


def test_the_lock_file_and_the_installer_name_the_same_wheel():
    lock = Path(__file__).parents[2] / 'procgen.lock'
    assert lock.read_text().split() == [WHEEL_REQUIREMENT, f'--hash=sha256:{WHEEL_SHA256}']


def test_a_wheel_is_unpacked_into_a_folder_named_by_its_library(wheel, tmp_path, monkeypatch, capsys):
    cache = tmp_path / 'new' / 'cache'
    code, lines, _ = run(monkeypatch, capsys, '--cache', cache, '--wheel', wheel)
    assert code == 0
    folder = cache / f'procgen-{hashlib.sha256(LIBRARY).hexdigest()[:12]}'
    assert lines[-1]['library'] == str(folder / 'data')
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())
    assert files == ['LICENSE', 'data/assets/water_backgrounds/water.png', 'data/prebuilt/libenv.so']
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_installing_again_changes_nothing(wheel, tmp_path, monkeypatch, capsys):
    run(monkeypatch, capsys, '--cache', tmp_path, '--wheel', wheel)
    code, lines, _ = run(monkeypatch, capsys, '--cache', tmp_path, '--wheel', wheel)
    assert code == 0
    assert [line['event'] for line in lines[:-1]] == ['check']


@pytest.mark.parametrize('damage', ['changed', 'gone', 'image gone'])
def test_a_damaged_folder_is_replaced(damage, wheel, tmp_path, monkeypatch, capsys):
    _, lines, _ = run(monkeypatch, capsys, '--cache', tmp_path, '--wheel', wheel)
    data = Path(lines[-1]['library'])
    match damage:
        case 'changed':
            (data / 'prebuilt' / 'libenv.so').write_bytes(b'changed')
        case 'gone':
            (data / 'prebuilt' / 'libenv.so').unlink()
        case 'image gone':
            (data / 'assets' / 'water_backgrounds' / 'water.png').unlink()
    code, lines, _ = run(monkeypatch, capsys, '--cache', tmp_path, '--wheel', wheel)
    assert code == 0
    assert 'damaged' in [line.get('event') for line in lines]
    assert (data / 'prebuilt' / 'libenv.so').read_bytes() == LIBRARY
    assert (data / 'assets' / 'water_backgrounds' / 'water.png').exists()


def test_what_an_interrupted_attempt_left_is_cleared_once_it_is_old(wheel, tmp_path, monkeypatch, capsys):
    old, young = tmp_path / '.procgen-old', tmp_path / '.procgen-young'
    old.mkdir()
    young.mkdir()
    os.utime(old, (0, 0))
    run(monkeypatch, capsys, '--cache', tmp_path, '--wheel', wheel)
    assert not old.exists()
    assert young.exists()


def test_a_wheel_with_another_checksum_ends_in_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / 'other.whl').write_bytes(b'another wheel')
    code, lines, err = run(
        monkeypatch, capsys, '--cache', tmp_path / 'cache', '--wheel', tmp_path / 'other.whl'
    )
    assert code == 1
    assert lines[-1]['code'] == 'ENV_LIBRARY_CHECKSUM'
    assert WHEEL_SHA256 in lines[-1]['message']
    assert lines[-1]['remedy']
    assert 'Traceback' not in err
    assert list((tmp_path / 'cache').iterdir()) == []


def test_a_wheel_with_another_library_is_not_unpacked(wheel, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pool, 'LIBRARY_SHA256', '0' * 64)
    code, lines, _ = run(monkeypatch, capsys, '--cache', tmp_path / 'cache', '--wheel', wheel)
    assert (code, lines[-1]['code']) == (1, 'ENV_LIBRARY_CHECKSUM')
    assert list((tmp_path / 'cache').iterdir()) == []


def test_a_failed_download_ends_in_a_sentence_that_quotes_pip(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('PIP_INDEX_URL', 'http://127.0.0.1:9/simple')
    monkeypatch.setenv('PIP_RETRIES', '0')
    monkeypatch.setenv('PIP_TIMEOUT', '1')
    code, lines, _ = run(monkeypatch, capsys, '--cache', tmp_path)
    assert (code, lines[-1]['code']) == (1, 'SETUP_DOWNLOAD')
    assert WHEEL_REQUIREMENT in lines[-1]['message']
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / 'file').write_text('in the way')
    code, lines, err = run(monkeypatch, capsys, '--cache', tmp_path / 'file' / 'cache')
    assert (code, lines[-1]['code']) == (1, 'SETUP_UNWRITABLE')
    assert 'Traceback' not in err


def test_another_platform_ends_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('platform.machine', lambda: 'arm64')
    code, lines, _ = run(monkeypatch, capsys, '--cache', tmp_path)
    assert (code, lines[-1]['code']) == (1, 'ENV_PLATFORM')


def test_without_glib_and_compiler_the_mend_names_both(tmp_path, monkeypatch):
    monkeypatch.setattr('shutil.which', lambda name: None)
    with pytest.raises(EnvError, match=r'libglib2\.0-0') as caught:
        stubs.build_stubs(tmp_path)
    assert caught.value.code == 'ENV_LIBRARY_MISSING'


def test_games_play_the_same_with_stubs_for_glib(library, spec_of, open_pool, play, tmp_path):
    if stubs.shutil.which('cc') is None:
        pytest.skip('no C compiler: install gcc')
    Path(tmp_path, 'data').symlink_to(library)
    built = stubs.build_stubs(tmp_path / 'stubs')
    stubbed = open_pool(spec_of('procgen', library=str(tmp_path / 'data')))
    maps = Path(f'/proc/{stubbed.host_pids[0]}/maps').read_text()
    assert all(str(stub) in maps for stub in built)
    assert maps.count('libglib-2.0.so.0') == maps.count(str(built[0]))
    reference = open_pool(spec_of('procgen'))
    np.testing.assert_array_equal(play(stubbed, 30)['observation'], play(reference, 30)['observation'])
