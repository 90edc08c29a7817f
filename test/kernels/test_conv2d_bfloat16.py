"""`conv2d` of bfloat16 in tiles (AMX) against the plain float64 sum over the window of the same rounded numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch
from test_conv2d import CHANNELS_LAST, SHAPES, Case, make, off, truth
from torch import Tensor

from srwm.kernels import Convolution, KernelError, conv2d, explain_conv2d
from srwm.kernels.build import KERNELS, find_compiler, instruction_set_flags, known_flags
from srwm.kernels.conv2d.explain import has_tiles, missing
from srwm.kernels.conv2d.reference import conv2d_reference
from srwm.kernels.cpu_library import instruction_set

# Relative root mean square, as docs/kernels.md has it for bfloat16.
TOLERANCE, OF_GRADIENTS = 4e-3, 8e-3
FITS = Convolution('cpu', torch.bfloat16, 4, 8, 8, 16, 32)

tiles = pytest.mark.skipif(not has_tiles(), reason='this processor has no AMX, or the kernels are missing')


def rounded(shape: tuple[int, ...], seed: int = 0) -> Case:
    return Case(*(t.bfloat16() for t in make(shape, seed)))


def run(case: Case, relu: bool) -> list[Tensor]:
    """The result, then the gradients of x, weight, bias and residual."""
    x, weight, bias, residual = leaves = case.leaves(torch.bfloat16)
    y = conv2d(x, weight, bias, padding=1, residual=residual, relu_input=relu, implementation='cpu')
    return [y, *torch.autograd.grad(y, leaves, case.dy)]


def assert_right(case: Case, relu: bool) -> None:
    y, *gradients = run(case, relu)
    right, *of_right = truth(case, relu)
    assert (y.dtype, y.shape) == (torch.bfloat16, right.shape)
    assert off(y, right) < TOLERANCE
    for found, expected in zip(gradients, of_right, strict=True):
        assert found.dtype == torch.bfloat16
        assert off(found, expected) < OF_GRADIENTS


@tiles
@pytest.mark.parametrize('relu', [False, True], ids=['plain', 'relu'])
@pytest.mark.parametrize('shape', [*SHAPES, (70, 16, 16, 5, 3), (67, 32, 32, 8, 8)], ids=str)
def test_agrees_with_the_float64_sum(shape: tuple[int, ...], relu: bool) -> None:
    assert_right(rounded(shape), relu)


@tiles
def test_random_sizes() -> None:
    choose = torch.Generator().manual_seed(9)

    def number(top: int) -> int:
        return int(torch.randint(1, top, (), generator=choose))

    for seed in range(12):
        shape = (number(40), 16 * number(4), 16 * number(4), number(20), number(20))
        assert_right(rounded(shape, seed), bool(seed % 2))


@tiles
def test_small_whole_numbers_are_exact() -> None:
    """Sums that bfloat16 holds: what a tap too many, too few or in the wrong place would change."""
    draw = torch.Generator().manual_seed(3)
    x = torch.randint(-1, 2, (5, 32, 6, 7), generator=draw).bfloat16()
    weight = (torch.rand(48, 32, 3, 3, generator=draw) < 0.05).bfloat16()
    expected = conv2d_reference(x.double(), weight.double())
    assert torch.equal(conv2d(x, weight, padding=1, implementation='cpu').double(), expected)


@tiles
def test_memory_order_changes_no_bit() -> None:
    case = rounded((3, 16, 32, 6, 7))
    expected = run(case, True)
    wide = torch.zeros(3, 20, 6, 9, dtype=torch.bfloat16)
    wide[:, 2:18, :, 1:8] = case.x
    for other in (Case(*(t.contiguous() for t in case)), case._replace(x=wide[:, 2:18, :, 1:8])):
        for found, value in zip(run(other, True), expected, strict=True):
            assert torch.equal(found, value)
    assert expected[0].is_contiguous(memory_format=CHANNELS_LAST)


@tiles
def test_an_image_has_the_same_bits_in_any_batch() -> None:
    case = rounded((21, 32, 32, 6, 10))
    whole = conv2d(case.x, case.weight, case.bias, padding=1, implementation='cpu')
    for parts in (1, 2, 5, 20):
        split = [
            conv2d(x, case.weight, case.bias, padding=1, implementation='cpu') for x in case.x.split(parts)
        ]
        assert torch.equal(whole, torch.cat(split))


@tiles
def test_threads_and_repetition_change_no_bit() -> None:
    case = rounded((330, 16, 32, 16, 16))
    expected = run(case, True)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            for found, value in zip(run(case, True), expected, strict=True):
                assert torch.equal(found, value)
    finally:
        torch.set_num_threads(before)


@tiles
def test_no_images() -> None:
    y, dx, dweight, dbias, _ = run(rounded((0, 16, 32, 4, 4)), False)
    assert (y.shape, dx.shape) == ((0, 32, 4, 4), (0, 16, 4, 4))
    assert not dweight.any()
    assert not dbias.any()


@tiles
@pytest.mark.parametrize('results', [16, 32])
def test_results_past_the_caches(results: int) -> None:
    """Results of eight million numbers or more are written past them, by another instruction."""
    case = rounded((1050, 16, results, 25, 21 if results == 16 else 11))
    large = conv2d(case.x, case.weight, case.bias, padding=1, implementation='cpu')
    small = [conv2d(x, case.weight, case.bias, padding=1, implementation='cpu') for x in case.x.split(210)]
    assert large.numel() >= 8 << 20
    assert torch.equal(large, torch.cat(small))


@tiles
def test_what_is_not_finite_reaches_its_window_and_nothing_else() -> None:
    case = rounded((3, 16, 16, 8, 8))
    for value in (float('nan'), float('inf')):
        for i, j in ((0, 0), (3, 4), (7, 7)):
            x = case.x.clone()
            x[1, 3, i, j] = value
            y = conv2d(x, case.weight, padding=1, relu_input=True, implementation='cpu')
            spoiled = torch.zeros(3, 8, 8, dtype=torch.bool)
            spoiled[1, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] = True
            assert torch.equal(~y.isfinite(), spoiled[:, None].expand_as(y))


@tiles
def test_relu_keeps_a_nan_of_either_sign() -> None:
    case = rounded((1, 16, 16, 8, 8))
    bits = case.x.clone()
    bits.view(torch.int16)[0, 3, 4, 4] = -1  # a NaN with its sign set
    x = bits.requires_grad_()
    y = conv2d(x, case.weight, padding=1, relu_input=True, implementation='cpu')
    assert y[0, :, 3:6, 3:6].isnan().all()
    # As relu hands a cotangent on: to what is positive and to NaN.
    (dx,) = torch.autograd.grad(y, x, case.dy)
    assert dx[0, 3, 4, 4] != 0
    assert not dx[x <= 0].any()


@tiles
def test_second_derivatives() -> None:
    case = rounded((2, 16, 32, 5, 6))
    direction = torch.randn(2, 16, 5, 6, generator=torch.Generator().manual_seed(1))

    def second(dtype: torch.dtype) -> Tensor:
        x, weight, *_ = case.leaves(dtype)
        dy = case.dy.to(dtype).requires_grad_()
        options = {'relu_input': True}
        if dtype == torch.bfloat16:
            y = conv2d(x, weight, padding=1, implementation='cpu', **options)
        else:
            y = conv2d_reference(x, weight, **options)
        (dx,) = torch.autograd.grad(y, x, dy, create_graph=True)
        return torch.autograd.grad((dx * direction.to(dtype)).sum(), dy)[0]

    assert off(second(torch.bfloat16), second(torch.float64)) < OF_GRADIENTS


@tiles
def test_opcheck_accepts_the_ops() -> None:
    x, weight, bias, residual = rounded((2, 16, 16, 6, 6)).leaves(torch.bfloat16)
    for relu in (False, True):
        torch.library.opcheck(torch.ops.conv2d.forward_cpu.default, (x, weight, bias, residual, relu))
        torch.library.opcheck(torch.ops.conv2d.weight_cpu.default, (x, residual, relu))
    torch.library.opcheck(torch.ops.conv2d.input_cpu.default, (residual, weight, x.detach()))


@tiles
def test_numbers_of_two_dtypes_are_refused() -> None:
    x, weight, bias, _ = (t.detach() for t in rounded((2, 16, 16, 6, 6)).leaves(torch.bfloat16))
    ops = torch.ops.conv2d
    for call in (
        lambda: ops.forward_cpu(x, weight.float(), bias, None, False),
        lambda: ops.forward_cpu(x, weight, bias.float(), None, False),
        lambda: ops.input_cpu(x, weight, x.float()),
        lambda: ops.weight_cpu(x, x.float(), False),
    ):
        with pytest.raises(RuntimeError, match='conv2d: '):
            call()


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_processor_without_tiles_keeps_torch_s() -> None:
    instruction_set(1)
    try:
        assert not torch.ops.conv2d.cpu_has_tiles()
        x = torch.zeros(1, 16, 4, 4, dtype=torch.bfloat16)
        with pytest.raises(RuntimeError, match='bfloat16 on a processor with AMX'):
            torch.ops.conv2d.forward_cpu(x, torch.zeros(16, 16, 3, 3).bfloat16(), None, None, False)
    finally:
        instruction_set(2)


@tiles
def test_the_choice_and_its_reason() -> None:
    said = explain_conv2d(FITS)
    assert (said.implementation, said.reason) == (
        'cpu',
        'sums over the window in tiles (bfloat16: amx)',
    )
    large = FITS._replace(channels=64, height=64, width=64)
    assert explain_conv2d(large._replace(height=32, width=32)).implementation == 'cpu'
    assert explain_conv2d(large).implementation == 'torch'
    assert 'at most 65,536 numbers an image, got 262,144' in explain_conv2d(large).reason
    assert explain_conv2d(large, 'cpu').implementation == 'cpu'
    with pytest.raises(KernelError, match='float32 or bfloat16, got float16'):
        explain_conv2d(FITS._replace(dtype=torch.float16), 'cpu')


def test_a_compiler_that_does_not_know_amx_makes_the_rest(tmp_path: Path) -> None:
    """GCC before 11: a wrapper refuses the flag as it does."""
    compiler = find_compiler()
    if compiler is None:
        pytest.skip('there is no C++ compiler: install g++')
    source = KERNELS / 'conv2d' / 'cpu' / 'amx.cpp'
    flags = instruction_set_flags(source)
    old = tmp_path / 'old'
    old.write_text(f'#!/bin/sh\ncase "$*" in *-mamx*) exit 1 ;; esac\nexec "{compiler}" "$@"\n')
    old.chmod(0o755)
    assert known_flags(str(old), flags) == ()
    assert known_flags(str(old), ('-O2',)) == ('-O2',)
    command = [str(old), '-std=c++20', '-c', str(source), '-o', str(tmp_path / 'amx.o')]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    if flags:
        assert known_flags(compiler, flags) in (flags, ())
