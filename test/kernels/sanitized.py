"""A fuzz campaign over the C++ kernels under AddressSanitizer and UndefinedBehaviorSanitizer, in a build of its own.

    python test/kernels/sanitized.py --seconds 5 --seed 1      # the portable form, as CI runs it
    python test/kernels/sanitized.py --seconds 600 --seed 1 --instruction-sets portable avx2 avx512
    python test/kernels/sanitized.py --seconds 5 --plant      # with a fault put in: it must be found

The second compiles for minutes. A finding ends the campaign: the sanitizer prints it and aborts. Exit code 3 where
there is no compiler with the runtimes.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from srwm.kernels.build import find_compiler

ROOT = Path(__file__).resolve().parents[2]
FUZZ = Path(__file__).with_name('fuzz.py')
INSTRUCTION_SETS = ('portable', 'avx2', 'avx512', 'neon')
FLAGS = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-sanitize=vptr -O0 -g1'
# The working memory of a task ends one line of cache too early. The declaration comes first: a macro would rewrite it.
PLANTED = """#include <cstdlib>
#define aligned_alloc(alignment, bytes) aligned_alloc(alignment, (bytes) - 64)
"""
# In place of the compiler: what the campaign does not run is not compiled, and its table is the portable one.
WRAPPER = """#!/bin/sh
case "$*" in {left_out}) for target; do :; done; exec {compiler} -x c++ -c /dev/null -o "$target" ;; esac
for argument; do shift; [ "$argument" = -s ] || set -- "$@" "$argument"; done
exec {compiler} "$@" {flags}
"""


def missing() -> str:
    """Returns why no sanitizer build can be made here, or an empty string."""
    compiler = find_compiler()
    if compiler is None:
        return 'there is no C++ compiler: install g++'
    absent = [name for name in ('libasan.so', 'libubsan.so') if not library(compiler, name)]
    return f'{compiler} has no {" and no ".join(absent)}: install its sanitizer runtimes' if absent else ''


def library(compiler: str, name: str) -> str:
    """Returns the path of one of the compiler's libraries, or an empty string."""
    command = [compiler, f'-print-file-name={name}']
    asked = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    # A bare name comes back for a library that the compiler does not have.
    return os.path.realpath(asked) if Path(asked).is_absolute() else ''


def campaign(
    folder: Path, seconds: float, seed: int, instruction_sets: list[str], *, plant: bool = False
) -> subprocess.CompletedProcess[str]:
    """Builds into `folder` and runs the campaign there; the caller has looked at `missing`."""
    compiler = find_compiler()
    assert compiler is not None
    left_out = [name for name in INSTRUCTION_SETS[1:] if name not in instruction_sets]
    macros = [f'-Dkernels_{name}=kernels_portable_float' for name in left_out]
    wrapper, planted = folder / 'compiler', folder / 'planted.h'
    planted.write_text(PLANTED)
    fault = ('-include', shlex.quote(str(planted))) if plant else ()
    wrapper.write_text(
        WRAPPER.format(
            compiler=shlex.quote(compiler),
            left_out='|'.join(f'*{name}.cpp*' for name in left_out) or "''",
            flags=' '.join([FLAGS, *macros, *fault]),
        )
    )
    wrapper.chmod(0o755)
    environment = {
        **os.environ,
        'PYTHONPATH': str(ROOT / 'py'),
        'CXX': str(wrapper),
        'SRWM_CACHE': str(folder),
        # libstdc++ too: it must be there when libasan looks for the function that throws.
        'LD_PRELOAD': ' '.join(library(compiler, name) for name in ('libasan.so', 'libstdc++.so')),
        # CPython and torch leave memory behind on purpose.
        'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=1',
        'UBSAN_OPTIONS': 'print_stacktrace=1',
    }
    limits = ['--seconds', str(seconds), '--seed', str(seed)]
    command = [sys.executable, str(FUZZ), *limits, '--implementations', 'cpu']
    command += ['--instruction-sets', *instruction_sets]
    build = [sys.executable, '-m', 'srwm.kernels.build']
    # Compiled before the runtimes are loaded, which would make the compiler slow.
    plain = {key: value for key, value in environment.items() if key != 'LD_PRELOAD'}
    built = subprocess.run(build, env=plain, capture_output=True, text=True, check=False)
    if '"built": true' not in built.stdout:
        # The build says so in words and exits with 0, which a campaign that never ran must not.
        return subprocess.CompletedProcess(build, 1, built.stdout, built.stderr)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seconds', type=float, required=True)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--instruction-sets', nargs='+', choices=INSTRUCTION_SETS, default=['portable'])
    parser.add_argument('--plant', action='store_true', help='put a fault in, which must be found')
    given = parser.parse_args()
    if why := missing():
        print(why, file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        ran = campaign(Path(folder), given.seconds, given.seed, given.instruction_sets, plant=given.plant)
    print(ran.stdout, end='')
    print(ran.stderr, end='', file=sys.stderr)
    return abs(ran.returncode)


if __name__ == '__main__':
    sys.exit(main())
