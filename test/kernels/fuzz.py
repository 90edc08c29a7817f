"""Random calls of every op and its step: each implementation of this machine against the plain float64 loop.

    python test/kernels/fuzz.py --seconds 60 --seed 1      # from the repository root, with PYTHONPATH=py
    python test/kernels/fuzz.py --seconds 60 --seed 1 --implementations triton      # in Triton's interpreter

A failure prints the line that repeats its case. Exit code 1 after a failure.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from fuzz_cases import Drawn, draw, results, truth
from torch import Tensor

from srwm.kernels import delta_rule_step_, srwm_step_
from srwm.kernels.srwm import cpu_op

# Relative to the largest number of the tensor compared; recurrences are short enough not to amplify.
TOLERANCES = {torch.float32: 3e-4, torch.float64: 1e-9, torch.bfloat16: 5e-2, torch.float16: 1e-2}
OPS = ('srwm', 'delta_rule')
STEPS: dict[str, Callable] = {'srwm': srwm_step_, 'delta_rule': delta_rule_step_}


def compare(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> str:
    """Returns the first tensor that is off, or an empty string."""
    for name, value in expected.items():
        if name not in found:
            return f'{name} is missing'
        difference = (found[name].double() - value).abs().max() if value.numel() else torch.zeros(())
        if not difference <= tolerance * max(1.0, float(value.abs().max()) if value.numel() else 0.0):
            return f'{name} is off by {float(difference):.1e}'
    return ''


def step_by_step(drawn: Drawn, implementation: str) -> dict[str, Tensor]:
    """The forward results, one step at a time."""
    case, options = drawn.case, {k: v for k, v in drawn.options.items() if k != 'bptt'}
    sequences, weights = ([getattr(case, name) for name in names] for names in (case.sequences, case.weights))
    state = torch.zeros_like(getattr(case, case.cotangents[1]), memory_format=torch.contiguous_format)
    if (start := getattr(case, case.state)) is not None:
        state.copy_(start)
    outputs = [torch.empty_like(getattr(case, case.cotangents[0])[:0])]
    for t in range(len(sequences[0])):
        first = None if case.is_first is None else case.is_first[t]
        inputs = (*(sequence[t] for sequence in sequences), *weights, state, first)
        outputs.append(STEPS[drawn.op.name](*inputs, **options, implementation=implementation).unsqueeze(0))
    return {'y': torch.cat(outputs), 'end': state}


def variants(
    implementations: Sequence[str], instruction_sets: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    """Yields (implementation, label); the compiled one once for each instruction set of this machine, or for those."""
    for name in implementations:
        if name != 'cpu':
            yield name, name
            continue
        known: set[str] = set()
        for level in range(3):
            found = cpu_op.instruction_set(level)
            if found not in known and (instruction_sets is None or found in instruction_sets):
                yield name, f'cpu {found}'
            known.add(found)


def check(drawn: Drawn, implementations: Sequence[str], instruction_sets: Sequence[str] | None) -> str:
    """Returns what is wrong with a call, or an empty string."""
    expected, tolerance = truth(drawn), TOLERANCES[drawn.dtype]
    forward = {name: expected[name] for name in ('y', 'end')}
    options = {'cu_seqlens': drawn.cu_seqlens, 'checkpoint_every': drawn.checkpoint_every}
    for name, label in variants(implementations, instruction_sets):
        found = results(drawn, drawn.op.function, **options, implementation=name)
        if wrong := compare(found, expected, tolerance):
            return f'{label}: {wrong}'
        if name == 'triton' or drawn.cu_seqlens is not None:
            continue
        if wrong := compare(step_by_step(drawn, name), forward, tolerance):
            return f'{label}, step by step: {wrong}'
    return ''


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seconds', type=float, required=True)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--ops', nargs='+', choices=OPS, default=list(OPS))
    parser.add_argument('--implementations', nargs='+', choices=('reference', 'cpu', 'triton'))
    parser.add_argument('--instruction-sets', nargs='+', help='of the compiled form; else all that there are')
    parser.add_argument('--only', type=int, help='repeat the case of this seed')
    given = parser.parse_args()
    missing = cpu_op.missing()
    implementations = given.implementations or ['reference', *([] if missing else ['cpu'])]
    if missing and 'cpu' in implementations:
        parser.error(f'the compiled kernels are missing: {missing}')
    if 'triton' in implementations:
        # Read where the kernels are imported, which is at their first use.
        os.environ['TRITON_INTERPRET'] = '1'
    again = f'--ops {" ".join(given.ops)} --implementations {" ".join(implementations)}'
    end, cases, failures = time.monotonic() + given.seconds, 0, 0
    while (cases == 0 or time.monotonic() < end) and failures < 10:
        seed = given.seed * 1_000_000 + cases if given.only is None else given.only
        drawn = draw(seed, given.ops, small='triton' in implementations)
        if wrong := check(drawn, implementations, given.instruction_sets):
            failures += 1
            print(f'FAIL {wrong}; repeat: python test/kernels/fuzz.py --seconds 0 --only {seed} {again}')
            print(f'     {drawn}')
        cases += 1
        if given.only is not None:
            break
    ran = ', '.join(label for _, label in variants(implementations, given.instruction_sets))
    print(f'fuzz: {cases} cases, {failures} failures ({ran}{f"; no cpu: {missing}" if missing else ""})')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
