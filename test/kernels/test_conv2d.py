"""`conv2d` against the plain float64 sum over the window, on every instruction set of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from srwm.kernels import conv2d
from srwm.kernels.conv2d.explain import missing
from srwm.kernels.conv2d.reference import conv2d_reference
from srwm.kernels.cpu_library import instruction_set

CHANNELS_LAST = torch.channels_last
# Relative root mean square. Torch's own convolutions are off by as much from the same float64 numbers.
TOLERANCE = 1e-6
SHAPES = [
    # N, C, K, H, W: odd sizes, one pixel, several images in one block of tiles, more channels than registers.
    (1, 16, 16, 1, 1),
    (2, 16, 48, 1, 5),
    (5, 16, 16, 7, 9),
    (3, 32, 16, 8, 6),
    (9, 32, 32, 4, 4),
    (2, 48, 80, 5, 33),
    (1, 16, 32, 3, 130),
]


class Case(NamedTuple):
    """Inputs of one call and the cotangent of its result."""

    x: Tensor
    weight: Tensor
    bias: Tensor
    residual: Tensor
    dy: Tensor

    def leaves(self, dtype: torch.dtype = torch.float32) -> list[Tensor]:
        """The inputs in a dtype, in the memory order that they have."""
        return [t.detach().to(dtype).requires_grad_() for t in self[:4]]


def make(shape: tuple[int, ...], seed: int = 0) -> Case:
    images, channels, results, height, width = shape
    torch.manual_seed(seed)
    image = (images, results, height, width)
    case = Case(
        torch.randn(images, channels, height, width),
        torch.randn(results, channels, 3, 3) / (9 * channels) ** 0.5,
        torch.randn(results),
        torch.randn(image),
        torch.randn(image),
    )
    return Case(*(t.contiguous(memory_format=CHANNELS_LAST) if t.dim() == 4 else t for t in case))


def run(case: Case, relu: bool, implementation: str = 'cpu') -> list[Tensor]:
    """The result, then the gradients of x, weight, bias and residual."""
    x, weight, bias, residual = leaves = case.leaves()
    options = {'padding': 1, 'residual': residual, 'relu_input': relu, 'implementation': implementation}
    y = conv2d(x, weight, bias, **options)
    return [y, *torch.autograd.grad(y, leaves, case.dy)]


def truth(case: Case, relu: bool) -> list[Tensor]:
    x, weight, bias, residual = leaves = case.leaves(torch.float64)
    y = conv2d_reference(x, weight, bias, residual=residual, relu_input=relu)
    return [y, *torch.autograd.grad(y, leaves, case.dy.double())]


def off(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach(), expected.detach()
    return float(((found - expected).pow(2).mean() / expected.pow(2).mean().clamp(min=1e-30)).sqrt())


@pytest.fixture(autouse=True)
def _compiled() -> None:
    if missing():
        pytest.skip(f'the compiled kernels are missing: {missing()}')


@pytest.fixture(params=['portable', 'avx2', 'avx512'])
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    found = instruction_set(['portable', 'avx2', 'avx512'].index(request.param))
    if found != request.param:
        instruction_set(2)
        pytest.skip(f'this processor has no {request.param}')
    yield found
    instruction_set(2)


@pytest.mark.parametrize('relu', [False, True], ids=['plain', 'relu'])
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_agrees_with_the_float64_sum(level: str, shape: tuple[int, ...], relu: bool) -> None:
    case = make(shape)
    for found, expected in zip(run(case, relu), truth(case, relu), strict=True):
        assert found.shape == expected.shape
        assert off(found, expected) < TOLERANCE


def test_the_reference_is_torch_s_convolution() -> None:
    case = make((2, 16, 32, 5, 6))
    x, weight, bias, residual = (t.detach() for t in case.leaves(torch.float64))
    expected = F.conv2d(x.relu(), weight, bias, padding=1) + residual
    torch.testing.assert_close(
        conv2d_reference(x, weight, bias, residual=residual, relu_input=True),
        expected,
        rtol=1e-13,
        atol=1e-13,
    )


def test_is_off_by_no_more_than_three_times_what_torch_is(level: str) -> None:
    """On the sizes of IMPALA's residual network; sums run over 65,536 places."""
    for shape in ((64, 16, 16, 32, 32), (64, 32, 32, 16, 16)):
        case = make(shape)
        expected = truth(case, relu=True)
        for mine, torchs, right in zip(run(case, True), run(case, True, 'torch'), expected, strict=True):
            assert off(mine, right) <= 3 * off(torchs, right)


def test_random_sizes(level: str) -> None:
    choose = torch.Generator().manual_seed(7)

    def number(top: int) -> int:
        return int(torch.randint(1, top, (), generator=choose))

    for seed in range(12):
        shape = (number(5), 16 * number(4), 16 * number(4), number(20), number(20))
        case, relu = make(shape, seed), bool(seed % 2)
        for found, expected in zip(run(case, relu), truth(case, relu), strict=True):
            assert off(found, expected) < TOLERANCE, shape


def test_memory_order_changes_no_bit(level: str) -> None:
    case = make((3, 16, 32, 6, 7))
    expected = run(case, True)
    first = Case(*(t.contiguous() for t in case))
    wide = torch.zeros(3, 20, 6, 9)
    wide[:, 2:18, :, 1:8] = case.x
    strided = case._replace(x=wide[:, 2:18, :, 1:8])
    for other in (first, strided):
        for found, value in zip(run(other, True), expected, strict=True):
            assert torch.equal(found, value)
    assert expected[0].is_contiguous(memory_format=CHANNELS_LAST)


def test_an_expanded_cotangent(level: str) -> None:
    case = make((2, 16, 16, 5, 5))
    x, weight = case.leaves()[:2]
    found = torch.autograd.grad(conv2d(x, weight, padding=1, implementation='cpu').sum(), (x, weight))
    leaves = case.leaves(torch.float64)[:2]
    for mine, right in zip(found, torch.autograd.grad(conv2d_reference(*leaves).sum(), leaves), strict=True):
        assert off(mine, right) < TOLERANCE


def test_an_image_has_the_same_bits_in_any_batch(level: str) -> None:
    case = make((7, 32, 32, 6, 10))
    x, weight, bias, _ = (t.detach() for t in case.leaves())
    whole = conv2d(x, weight, bias, padding=1, implementation='cpu')
    for n in range(7):
        assert torch.equal(
            whole[n : n + 1], conv2d(x[n : n + 1], weight, bias, padding=1, implementation='cpu')
        )


def test_threads_and_repetition_change_no_bit(level: str) -> None:
    case = make((40, 16, 32, 16, 16))
    expected = run(case, True)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        for found, value in zip(run(case, True), expected, strict=True):
            assert torch.equal(found, value)


def test_no_images() -> None:
    case = make((0, 16, 32, 4, 4))
    y, dx, dweight, dbias, _ = run(case, False)
    assert y.shape == (0, 32, 4, 4)
    assert dx.shape == (0, 16, 4, 4)
    assert not dweight.any()
    assert not dbias.any()


def test_results_past_the_caches(level: str) -> None:
    """Results of 32 MB or more are written past them: by another instruction, in another order."""
    case = make((130, 16, 16, 64, 64))
    x, weight, bias, _ = (t.detach() for t in case.leaves())
    large = conv2d(x, weight, bias, padding=1, implementation='cpu')
    small = torch.cat([conv2d(part, weight, bias, padding=1, implementation='cpu') for part in x.split(65)])
    assert torch.equal(large, small)


def test_an_absent_gradient_is_not_computed() -> None:
    case = make((2, 16, 16, 4, 4))
    x, weight, bias, _ = case.leaves()
    y = conv2d(x.detach(), weight, bias, padding=1, implementation='cpu')
    (dweight,) = torch.autograd.grad(y.sum(), (weight,), retain_graph=True)
    (dbias,) = torch.autograd.grad(y.sum(), (bias,))
    assert off(dbias, torch.full((16,), 32.0)) < TOLERANCE
    assert dweight.shape == weight.shape
    frozen = conv2d(x, weight.detach(), bias.detach(), padding=1, implementation='cpu')
    assert torch.autograd.grad(frozen.sum(), (x,))[0].shape == x.shape


@pytest.mark.parametrize('relu', [False, True], ids=['plain', 'relu'])
def test_second_derivatives(level: str, relu: bool) -> None:
    def norms(function: Callable[..., Tensor], leaves: list[Tensor], dy: Tensor) -> tuple[Tensor, ...]:
        x, weight, bias, residual = leaves
        y = function(x, weight, bias, residual=residual, relu_input=relu)
        first = torch.autograd.grad((y * y * dy).sum(), leaves, create_graph=True)
        return torch.autograd.grad(torch.stack([g.pow(2).sum() for g in first]).sum(), leaves)

    def mine(x: Tensor, weight: Tensor, bias: Tensor, **options: Any) -> Tensor:
        return conv2d(x, weight, bias, padding=1, implementation='cpu', **options)

    case = make((2, 16, 32, 5, 6))
    found = norms(mine, case.leaves(), case.dy)
    for gradient, expected in zip(
        found, norms(conv2d_reference, case.leaves(torch.float64), case.dy.double()), strict=True
    ):
        assert off(gradient, expected) < 4 * TOLERANCE


def test_numbers_that_are_not_finite_stay_so(level: str) -> None:
    case = make((1, 16, 16, 8, 8))
    spoiled = case.x.clone()
    spoiled[0, 3, 4, 4] = float('nan')
    x = spoiled.requires_grad_()
    y = conv2d(x, case.weight, padding=1, relu_input=True, implementation='cpu')
    assert y[0, :, 3:6, 3:6].isnan().all()
    # As relu hands a cotangent on: to what is positive and to NaN.
    (dx,) = torch.autograd.grad(y, x, case.dy)
    assert dx[0, 3, 4, 4] != 0
    assert not dx[spoiled <= 0].any()
