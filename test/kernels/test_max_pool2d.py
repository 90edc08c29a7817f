"""`max_pool2d` against torch's pooling and the reference, on every instruction set of this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from srwm.kernels import KernelError, Pooling, explain_max_pool2d, max_pool2d
from srwm.kernels.cpu_library import instruction_set
from srwm.kernels.max_pool2d.explain import missing
from srwm.kernels.max_pool2d.reference import max_pool2d_reference

# N, C, H, W: single pixels, odd and even sizes, several steps of channels.
SHAPES = [(1, 16, 1, 1), (2, 16, 1, 2), (3, 32, 2, 1), (2, 48, 7, 9), (5, 16, 8, 8), (2, 32, 5, 130)]
DTYPES = [torch.float32, torch.bfloat16]


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


def images(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    torch.manual_seed(0)
    # Halves: many equal numbers, so that which of them is chosen shows in the gradient.
    x = (torch.randn(shape) * 2).round() / 2
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def pooled(x: Tensor) -> Tensor:
    return max_pool2d(x, 3, 2, 1, implementation='cpu')


def both(x: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    leaf = x.detach().requires_grad_()
    y = pooled(leaf)
    return y.detach(), torch.autograd.grad(y, leaf, dy)[0]


@pytest.mark.parametrize('dtype', DTYPES, ids=str)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_is_torch_s_and_the_reference_s(level: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = images(shape, dtype)
    dy = torch.randn(F.max_pool2d(x, 3, 2, 1).shape).to(dtype)
    y, dx = both(x, dy)
    leaf = x.float().requires_grad_()
    expected = max_pool2d_reference(leaf)
    # At most four numbers a sum: in float32, in torch's order, and rounded once.
    of_torch = x.float().requires_grad_()
    gradient = torch.autograd.grad(F.max_pool2d(of_torch, 3, 2, 1), of_torch, dy.float())[0].to(dtype)
    assert torch.equal(y, F.max_pool2d(x, 3, 2, 1))
    assert torch.equal(y, expected.to(dtype))
    assert torch.equal(dx, gradient)
    right = torch.autograd.grad(expected, leaf, dy.float())[0]
    torch.testing.assert_close(dx.float(), right, rtol=2**-8 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)


@pytest.mark.parametrize('dtype', DTYPES, ids=str)
def test_hostile_numbers_are_torch_s(level: str, dtype: torch.dtype) -> None:
    x = images((2, 16, 9, 9), dtype)
    x[0, :, 3:5, 3:5] = float('nan')
    x[1, :4] = float('-inf')
    x[1, 4:8, ::2] = float('inf')
    dy = torch.ones(2, 16, 5, 5).to(dtype)
    dy[0, 3, 2, 2] = float('nan')
    y, dx = both(x, dy)
    leaf = x.detach().requires_grad_()
    expected = F.max_pool2d(leaf, 3, 2, 1)
    assert torch.equal(y.isnan(), expected.isnan())
    assert torch.equal(y.nan_to_num(), expected.nan_to_num())
    gradient = torch.autograd.grad(expected, leaf, dy)[0]
    torch.testing.assert_close(dx, gradient, rtol=0, atol=0, equal_nan=True)


def test_memory_order_and_threads_change_no_bit(level: str) -> None:
    x = images((40, 32, 16, 16), torch.bfloat16)
    dy = torch.randn(40, 32, 8, 8).bfloat16()
    expected = both(x, dy)
    wide = torch.zeros(40, 34, 16, 18, dtype=torch.bfloat16)
    wide[:, 1:33, :, 1:17] = x
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            for other in (x, x.contiguous(), wide[:, 1:33, :, 1:17]):
                assert all(map(torch.equal, both(other, dy), expected))
    finally:
        torch.set_num_threads(before)


def test_second_derivatives() -> None:
    x = images((2, 16, 5, 6), torch.float32).requires_grad_()
    dy = torch.randn(2, 16, 3, 3, requires_grad=True)
    direction = torch.randn(2, 16, 5, 6)
    found, expected = (
        torch.autograd.grad((torch.autograd.grad(f(x), x, dy, create_graph=True)[0] * direction).sum(), dy)[0]
        for f in (pooled, lambda x: F.max_pool2d(x, 3, 2, 1))
    )
    assert torch.equal(found, expected)


def test_no_images() -> None:
    y, dx = both(torch.zeros(0, 16, 4, 5), torch.zeros(0, 16, 2, 3))
    assert y.shape == (0, 16, 2, 3)
    assert dx.shape == (0, 16, 4, 5)


def test_sizes_choose_and_say_why() -> None:
    fits = Pooling(device_type='cpu', dtype=torch.bfloat16, channels=16, height=8, width=8)
    fast = instruction_set() == 'avx512'
    assert explain_max_pool2d(fits).implementation == ('cpu' if fast else 'torch')
    for change, why in (
        ({'channels': 3}, 'multiples of 16, got 3'),
        ({'dtype': torch.float64}, 'got float64'),
        ({'window': (2, 2)}, 'got 2x2 with stride 2x2'),
        ({'device_type': 'cuda'}, 'got cuda'),
        ({'height': 0}, 'have pixels'),
    ):
        said = explain_max_pool2d(fits._replace(**change))
        assert said.implementation == 'torch'
        assert why in said.reason
        with pytest.raises(KernelError, match='"cpu" cannot serve'):
            explain_max_pool2d(fits._replace(**change), 'cpu')
    with pytest.raises(KernelError, match='padding must'):
        max_pool2d(torch.zeros(1, 16, 4, 4), 3, 2, -1)
