"""Fixtures of the kernel tests: one conformance suite, every implementation of this machine."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from srwm.kernels import srwm
from srwm.kernels.dispatch import TABLE
from srwm.kernels.srwm import cpu_op

# pytest's importlib mode leaves a test's own folder off the path, and cases.py and ops.py lie there.
sys.path.insert(0, str(Path(__file__).parent))

from ops import OPS, Op

# Implementation and, for the compiled one, the instruction set that float32 is limited to.
VARIANTS = {'reference': None, 'cpu-portable': 0, 'cpu-avx2': 1, 'cpu-avx512': 2}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each implementation by name, the compiled one once for every instruction set."""
    level = VARIANTS[request.param]
    if level is None:
        yield 'reference'
        return
    if cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    name = request.param.removeprefix('cpu-')
    if cpu_op.instruction_set(level) != name:
        cpu_op.instruction_set(2)
        pytest.skip(f'this processor has no {name}')
    yield 'cpu'
    cpu_op.instruction_set(2)


@pytest.fixture(params=OPS)
def op(request: pytest.FixtureRequest) -> Op:
    """Each op of the table."""
    return OPS[request.param]


@pytest.fixture
def run_op(op: Op, variant: str) -> Callable:
    """The op with the implementation of the variant forced."""
    if variant not in {one.name for one in TABLE[op.name]}:
        pytest.skip(f'{op.name} has no {variant} implementation')
    return functools.partial(op.function, implementation=variant)


@pytest.fixture
def run(variant: str) -> Callable:
    """`srwm` with the implementation of the variant forced."""
    return functools.partial(srwm, implementation=variant)


@pytest.fixture(params=('reference', 'cpu'))
def implementation(request: pytest.FixtureRequest) -> str:
    """Each implementation once, where the instruction set does not matter."""
    if request.param == 'cpu' and cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    return request.param


@pytest.fixture
def op_implementation(op: Op, implementation: str) -> str:
    """Each implementation of each op once."""
    if implementation not in {one.name for one in TABLE[op.name]}:
        pytest.skip(f'{op.name} has no {implementation} implementation')
    return implementation


@pytest.fixture
def poisoned_memory() -> Iterator[None]:
    """Fills every fresh tensor with NaN, so that an element that no kernel writes shows."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.empty(4).isnan().all()
    yield
    torch.use_deterministic_algorithms(before)
