"""Fixtures of the kernel tests: one conformance suite, every implementation of this machine."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

# Without a GPU, Triton's kernels run in its interpreter, which must be chosen before their modules are imported.
os.environ['TRITON_INTERPRET'] = os.environ.get('TRITON_INTERPRET', str(int(not torch.cuda.is_available())))

from srwm.kernels import nvrtc, srwm
from srwm.kernels.dispatch import TABLE
from srwm.kernels.srwm import cpu_op

# pytest's importlib mode leaves a test's own folder off the path, and cases.py and ops.py lie there.
sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parent / 'simt')])

import variant as emulated_variant
from ops import OPS, Op, Precision

INTERPRETED = os.environ['TRITON_INTERPRET'] == '1'

# Implementation and, for the compiled one, the instruction set that float32 is limited to.
VARIANTS = {
    'reference': None,
    'cpu-portable': 0,
    'cpu-avx2': 1,
    'cpu-avx512': 2,
    'cuda-emulated': None,
    'cuda': None,
    'triton': None,
}

# Steps, summed over chains, of the longest shape that runs in Triton's interpreter.
INTERPRETER_STEPS = 24


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.gpu if name == 'cuda' else ()) for name in VARIANTS]
)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each implementation by name, the compiled one once for every instruction set."""
    level = VARIANTS[request.param]
    if request.param == 'triton':
        in_time(request)
    if request.param == 'cuda-emulated':
        if why := emulated_variant.refusal(request.node.callspec.params):
            pytest.skip(why)
        with emulated_variant.emulation() as name:
            yield name
        return
    if request.param == 'cuda':
        if nvrtc.missing():
            pytest.skip(f'{nvrtc.missing()}: run pytest -m gpu where torch finds one')
        yield 'cuda'
        return
    if level is None:
        yield request.param
        return
    if cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    name = request.param.removeprefix('cpu-')
    if cpu_op.instruction_set(level) != name:
        cpu_op.instruction_set(2)
        pytest.skip(f'this processor has no {name}')
    yield 'cpu'
    cpu_op.instruction_set(2)


def in_time(request: pytest.FixtureRequest) -> None:
    """Skips what Triton's interpreter, at several milliseconds a step of one chain, has no time for."""
    parameters = request.node.callspec.params
    # The step's own tests take nine steps.
    acting = (9, *parameters['sizes']) if 'sizes' in parameters else (0, 0, 0, 0, 0)
    steps, batch, heads, head_dim, _ = parameters.get('shape', acting)
    if INTERPRETED and steps * batch * heads * max(1, head_dim // 32) > INTERPRETER_STEPS:
        pytest.skip("too long for Triton's interpreter; runs where torch finds a GPU")


@pytest.fixture(params=OPS)
def op(request: pytest.FixtureRequest) -> Op:
    """Each op of the table."""
    return OPS[request.param]


@pytest.fixture
def run_op(op: Op, variant: str) -> Callable:
    """The op with the implementation of the variant forced."""
    if variant not in {one.name for one in TABLE[op.name]}:
        pytest.skip(f'{op.name} has no {variant} implementation')
    return forced(op.function, variant)


@pytest.fixture
def run(variant: str) -> Callable:
    """`srwm` with the implementation of the variant forced."""
    return forced(srwm, variant)


@pytest.fixture
def acting(variant: str, request: pytest.FixtureRequest) -> Callable:
    """Turns an op that writes its state in place into itself with the implementation of the variant forced."""
    if variant == 'triton' and INTERPRETED and 'torch.bfloat16' in request.node.name:
        pytest.skip("Triton's interpreter cuts numbers to bfloat16, where a GPU rounds them to the nearest")
    return functools.partial(forced_step, variant=variant)


@pytest.fixture
def precision(variant: str) -> Precision:
    """float64 to the last digits where the variant has it; the CUDA kernels compute in float32."""
    return Precision(torch.float32, 2e-6) if variant.startswith('cuda') else Precision(torch.float64, 1e-12)


def forced(function: Callable, variant: str) -> Callable:
    """An op with its implementation forced, on a GPU where that implementation wants one."""
    called = functools.partial(function, implementation=variant)
    on_host = variant != 'cuda' and (variant != 'triton' or INTERPRETED)
    return called if on_host else functools.partial(on_gpu, called)


def forced_step(function: Callable, variant: str) -> Callable:
    """An op that writes its state in place, likewise: what a GPU wrote is copied back."""
    called = functools.partial(function, implementation=variant)
    if variant != 'cuda' and (variant != 'triton' or INTERPRETED):
        return called

    def moved(*inputs: Tensor | None, out: Tensor | None = None, **options: object) -> Tensor:
        there = [None if t is None else t.cuda() for t in inputs]
        found = called(*there, **options)
        for here, written in zip(inputs, there, strict=True):
            if here is not None and here.is_floating_point():
                here.copy_(written)
        return found.cpu() if out is None else out.copy_(found)

    return moved


def on_gpu(function: Callable, *inputs: Tensor | None, **options: object) -> tuple[Tensor, ...]:
    """Calls a function of CPU tensors on the GPU; gradients flow through the copies."""

    def moved(value: object) -> object:
        return value.cuda() if isinstance(value, Tensor) else value

    found = function(*map(moved, inputs), **{key: moved(value) for key, value in options.items()})
    return tuple(value.cpu() for value in found)


@pytest.fixture(params=('reference', 'cpu', 'triton'))
def implementation(request: pytest.FixtureRequest) -> str:
    """Each implementation once, where the instruction set does not matter."""
    if request.param == 'cpu' and cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    if request.param == 'triton':
        if not INTERPRETED:
            pytest.skip("calls the op on CPU tensors: TRITON_INTERPRET=1 runs it in Triton's interpreter")
        in_time(request)
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
