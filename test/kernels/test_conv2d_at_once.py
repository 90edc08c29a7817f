"""Residual blocks and pooled convolutions of bfloat16 in one call, against float64 and against their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_conv2d import CHANNELS_LAST, off
from torch import Tensor

from srwm.kernels import Convolution, conv2d, max_pool2d, pools_at_once
from srwm.kernels.conv2d.explain import has_tiles
from srwm.kernels.conv2d.reference import conv2d_reference

pytestmark = pytest.mark.skipif(
    not has_tiles(), reason='this processor has no AMX, or the kernels are missing'
)
# Relative root mean square, as docs/kernels.md has it for bfloat16.
TOLERANCE, OF_GRADIENTS = 4e-3, 8e-3
# N, C, H, W: single pixels, odd sizes, several images at once and a last few of them.
BLOCKS = [(1, 16, 1, 1), (3, 16, 7, 9), (70, 16, 5, 3), (67, 32, 8, 8), (5, 48, 6, 1), (9, 16, 32, 32)]
# N, C, K, H, W
POOLED = [
    (1, 3, 16, 1, 1),
    (3, 3, 16, 7, 9),
    (5, 1, 32, 6, 6),
    (4, 2, 48, 5, 1),
    (2, 3, 16, 64, 64),
    (70, 16, 16, 5, 3),
    (67, 32, 32, 8, 8),
    (5, 48, 32, 6, 7),
]


def draw(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    torch.manual_seed(seed)
    tensors = []
    for shape in shapes:
        scale = (9 * shape[1]) ** -0.5 if shape[2:] == (3, 3) and shape[0] % 16 == 0 else 1
        t = (torch.randn(shape) * scale).bfloat16()
        tensors.append(t.contiguous(memory_format=CHANNELS_LAST) if t.dim() == 4 else t)
    return tensors


def block_inputs(shape: tuple[int, int, int, int]) -> list[Tensor]:
    channels = shape[1]
    window = (channels, channels, 3, 3)
    return draw(shape, window, (channels,), window, (channels,))


def block(*given: Tensor, keep: bool = True) -> Tensor:
    return torch.ops.conv2d.block_cpu(*given, keep)[0]


def block_of_parts(x: Tensor, weight0: Tensor, bias0: Tensor, weight1: Tensor, bias1: Tensor) -> Tensor:
    """In float64 the truth, in bfloat16 the ops that the block is made of."""
    run: Callable[..., Tensor] = conv2d_reference
    if x.dtype == torch.bfloat16:
        run = lambda *given, **how: conv2d(*given, padding=1, implementation='cpu', **how)  # noqa: E731
    return run(run(x, weight0, bias0, relu_input=True), weight1, bias1, relu_input=True, residual=x)


def pooled(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.conv2d.pooled_cpu(x, weight, bias)[0]


def pooled_of_parts(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return max_pool2d(conv2d(x, weight, bias, padding=1, implementation='cpu'), 3, 2, 1, implementation='cpu')


def both(
    f: Callable[..., Tensor], given: list[Tensor], dy: Tensor, dtype: Any = torch.bfloat16
) -> list[Tensor]:
    leaves = [t.detach().to(dtype).requires_grad_() for t in given]
    y = f(*leaves)
    return [y.detach(), *torch.autograd.grad(y, leaves, dy.to(dtype))]


def equal(found: list[Tensor], expected: list[Tensor]) -> bool:
    return all(map(torch.equal, found, expected))


@pytest.mark.parametrize('shape', BLOCKS, ids=str)
def test_a_block_agrees_with_the_float64_sum(shape: tuple[int, int, int, int]) -> None:
    given, (dy,) = block_inputs(shape), draw(shape, seed=1)
    y, *gradients = both(block, given, dy)
    right, *of_right = both(block_of_parts, given, dy, torch.float64)
    assert (y.dtype, y.shape) == (torch.bfloat16, right.shape)
    assert off(y, right) < TOLERANCE
    for found, expected in zip(gradients, of_right, strict=True):
        assert (found.dtype, found.shape) == (torch.bfloat16, expected.shape)
        assert off(found, expected) < OF_GRADIENTS


def test_a_block_has_the_bits_of_its_parts_where_it_rounds_as_often() -> None:
    given, (dy,) = block_inputs((21, 32, 9, 7)), draw((21, 32, 9, 7), seed=1)
    y, dx, *of_weights = both(block, given, dy)
    of_parts = both(block_of_parts, given, dy)
    assert torch.equal(y, of_parts[0])
    assert equal(of_weights, of_parts[2:])
    # Its parts round what comes through the convolutions once more.
    assert off(dx, of_parts[1]) < TOLERANCE


def test_a_block_without_biases_or_gradients() -> None:
    x, weight0, bias0, weight1, bias1 = block_inputs((5, 16, 6, 6))
    none = torch.zeros_like(bias0)
    assert torch.equal(block(x, weight0, None, weight1, None), block(x, weight0, none, weight1, none))
    y, inner = torch.ops.conv2d.block_cpu(x, weight0, bias0, weight1, bias1, False)
    assert torch.equal(y, block(x, weight0, bias0, weight1, bias1))
    assert inner.numel() == 0


@pytest.mark.parametrize('shape', POOLED, ids=str)
def test_a_pooled_convolution_agrees_with_float64(shape: tuple[int, int, int, int, int]) -> None:
    images, channels, results, height, width = shape
    given = draw((images, channels, height, width), (results, channels, 3, 3), (results,))
    y, tap = torch.ops.conv2d.pooled_cpu(*given)
    (dy,) = draw(tuple(y.shape), seed=1)
    _, *gradients = both(pooled, given, dy)

    def routed(*leaves: Tensor) -> Tensor:
        """The convolution at the places that were chosen: rounding decides between nearly equal numbers."""
        rows = 2 * torch.arange(y.shape[2])[:, None] - 1 + tap.long() // 3
        columns = 2 * torch.arange(y.shape[3]) - 1 + tap.long() % 3
        assert min(rows.min(), columns.min()) >= 0
        places = (rows * width + columns).flatten(2)
        return F.conv2d(*leaves, padding=1).flatten(2).gather(2, places).view(y.shape)

    right, *of_right = both(routed, given, dy, torch.float64)
    largest = F.max_pool2d(F.conv2d(*(t.double() for t in given), padding=1), 3, 2, 1)
    assert off(y, largest) < TOLERANCE
    assert off(y, right) < TOLERANCE
    for found, expected in zip(gradients, of_right, strict=True):
        assert (found.dtype, found.shape) == (torch.bfloat16, expected.shape)
        assert off(found, expected) < OF_GRADIENTS


@pytest.mark.parametrize('shape', [shape for shape in POOLED if shape[1] >= 16], ids=str)
def test_a_pooled_convolution_has_the_bits_of_its_parts(shape: tuple[int, int, int, int, int]) -> None:
    images, channels, results, height, width = shape
    given = draw((images, channels, height, width), (results, channels, 3, 3), (results,))
    (dy,) = draw(tuple(pooled(*given).shape), seed=1)
    assert equal(both(pooled, given, dy), both(pooled_of_parts, given, dy))


def test_the_place_among_equal_and_hostile_numbers_is_the_pooling_s() -> None:
    """Small whole numbers, of which many are equal; a window of the middle tap hands them on as they are."""
    torch.manual_seed(2)
    x = torch.randint(-2, 3, (4, 16, 9, 8)).bfloat16()
    x[0, :, 2:5, 2:4] = float('nan')
    x[1, :8] = float('-inf')
    x[1, 8:, ::3] = float('inf')
    x[2] = -0.0
    same = torch.zeros(16, 16, 3, 3, dtype=torch.bfloat16)
    same[:, :, 1, 1] = torch.eye(16)
    # An infinite number times zero is none: one channel at a time.
    for image in range(4):
        for channel in (0, 9):
            one = torch.zeros(1, 16, 9, 8, dtype=torch.bfloat16)
            one[:, channel] = x[image, channel]
            y, tap = torch.ops.conv2d.pooled_cpu(one, same, None)
            conv = conv2d(one, same, padding=1, implementation='cpu')
            expected, place = torch.ops.max_pool2d.forward_cpu(conv)
            assert torch.equal(tap, place)
            assert torch.equal(y.isnan(), expected.isnan())
            assert torch.equal(y.nan_to_num(), expected.nan_to_num())


def test_no_image_no_result_and_no_batch_change_a_bit() -> None:
    given = block_inputs((21, 32, 6, 10))
    split = [block(x, *given[1:]) for x in given[0].split(4)]
    assert torch.equal(block(*given), torch.cat(split))
    split = [pooled(x, *given[1:3]) for x in given[0].split(4)]
    assert torch.equal(pooled(*given[:3]), torch.cat(split))
    few = draw((11, 3, 9, 20), (16, 3, 3, 3), (16,))
    assert torch.equal(pooled(*few), torch.cat([pooled(x, *few[1:]) for x in few[0].split(3)]))


def test_threads_memory_order_and_repetition_change_no_bit() -> None:
    blocks, pools = block_inputs((330, 16, 16, 16)), draw((90, 3, 32, 32), (16, 3, 3, 3), (16,))
    of_block, of_pool = draw((330, 16, 16, 16), (90, 16, 16, 16), seed=1)
    expected = both(block, blocks, of_block), both(pooled, pools, of_pool)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert equal(both(block, [t.contiguous() for t in blocks], of_block), expected[0])
            assert equal(both(pooled, [t.contiguous() for t in pools], of_pool), expected[1])
    finally:
        torch.set_num_threads(before)


def test_results_past_the_caches() -> None:
    """Results of eight million numbers or more are written past them, by another instruction."""
    given, (dy,) = block_inputs((1050, 16, 25, 21)), draw((1050, 16, 25, 21), seed=1)
    y, dx, *_ = both(block, given, dy)
    parts = [
        both(block, [x, *given[1:]], d)[:2] for x, d in zip(given[0].split(350), dy.split(350), strict=True)
    ]
    assert y.numel() >= 8 << 20
    assert equal([y, dx], [torch.cat(part) for part in zip(*parts, strict=True)])


def test_no_images() -> None:
    y, dx, *_ = both(block, block_inputs((0, 16, 4, 4)), torch.zeros(0, 16, 4, 4))
    assert (y.shape, dx.shape) == ((0, 16, 4, 4), (0, 16, 4, 4))
    given = draw((0, 16, 4, 5), (32, 16, 3, 3), (32,))
    y, dx, dweight, _ = both(pooled, given, torch.zeros(0, 32, 2, 3))
    assert (y.shape, dx.shape) == ((0, 32, 2, 3), (0, 16, 4, 5))
    assert not dweight.any()


def test_a_nan_reaches_its_windows_and_nothing_else() -> None:
    x, weight0, bias0, weight1, bias1 = block_inputs((3, 16, 9, 9))
    x[1, 3, 4, 4] = float('nan')
    y = block(x, weight0, bias0, weight1, bias1)
    spoiled = torch.zeros(3, 9, 9, dtype=torch.bool)
    spoiled[1, 2:7, 2:7] = True
    assert torch.equal(y.isnan(), spoiled[:, None].expand_as(y))
    few, weight, bias = draw((3, 3, 9, 9), (16, 3, 3, 3), (16,))
    few[1, 2, 0, 8] = float('nan')
    y = pooled(few, weight, bias)
    spoiled = torch.zeros(3, 5, 5, dtype=torch.bool)
    spoiled[1, :2, 3:] = True
    assert torch.equal(y.isnan(), spoiled[:, None].expand_as(y))


@pytest.mark.parametrize('name', ['block', 'pooled', 'few'])
def test_second_derivatives(name: str) -> None:
    """Through the gradient of x: of its product with a direction, by the cotangent and by the last weight."""
    f, parts = (block, block_of_parts) if name == 'block' else (pooled, None)
    if name == 'block':
        given = block_inputs((2, 16, 6, 5))
    else:
        channels = 3 if name == 'few' else 16
        given = draw((2, channels, 6, 5), (32, channels, 3, 3), (32,))
    if parts is None:
        # Where the largest numbers lie does not change: the pooled convolution is a linear map.
        _, tap = torch.ops.conv2d.pooled_cpu(*given)
        rows = 2 * torch.arange(3)[:, None] - 1 + tap.long() // 3
        places = (rows * 5 + 2 * torch.arange(3) - 1 + tap.long() % 3).flatten(2)
        parts = lambda *t: F.conv2d(*t, padding=1).flatten(2).gather(2, places).view(tap.shape)  # noqa: E731
    (dy, direction) = draw(tuple(f(*given).shape), tuple(given[0].shape), seed=1)

    def second(run: Callable[..., Tensor], dtype: torch.dtype) -> list[Tensor]:
        leaves = [t.detach().to(dtype).requires_grad_() for t in given]
        cotangent = dy.to(dtype).requires_grad_()
        (dx,) = torch.autograd.grad(run(*leaves), leaves[0], cotangent, create_graph=True)
        weight = leaves[1] if len(leaves) == 3 else leaves[3]
        return list(torch.autograd.grad((dx * direction.to(dtype)).sum(), (cotangent, weight)))

    for found, expected in zip(second(f, torch.bfloat16), second(parts, torch.float64), strict=True):
        assert off(found, expected) < 2 * OF_GRADIENTS


def test_opcheck_accepts_the_ops() -> None:
    leaves = [t.requires_grad_() for t in block_inputs((2, 16, 6, 6))]
    for keep in (True, False):
        torch.library.opcheck(torch.ops.conv2d.block_cpu.default, (*leaves, keep))
    x, weight0, _, weight1, _ = (t.detach() for t in leaves)
    torch.library.opcheck(torch.ops.conv2d.block_gradient_cpu.default, (x, x, x, weight0, weight1))
    torch.library.opcheck(torch.ops.conv2d.pooled_cpu.default, tuple(leaves[:3]))
    y, tap = torch.ops.conv2d.pooled_cpu(*(t.detach() for t in leaves[:3]))
    for of_x in (True, False):
        torch.library.opcheck(torch.ops.conv2d.pooled_gradient_cpu.default, (y, tap, x, weight0, of_x))


def test_the_ops_keep_memory_safe() -> None:
    x, weight0, bias0, weight1, bias1 = block_inputs((2, 16, 6, 6))
    y, tap = torch.ops.conv2d.pooled_cpu(x, weight0, bias0)
    few = x[:, :3].contiguous()
    ops = torch.ops.conv2d
    for call in (
        lambda: ops.block_cpu(x, weight0[:, :8], bias0, weight1, bias1, True),
        lambda: ops.block_cpu(x, weight0, bias0, weight1, bias1[:8], True),
        lambda: ops.block_cpu(*(t.float() for t in (x, weight0, bias0, weight1, bias1)), True),
        lambda: ops.block_gradient_cpu(x[:1], x, x, weight0, weight1),
        lambda: ops.block_gradient_cpu(x, x, x[:, :, :5], weight0, weight1),
        lambda: ops.pooled_cpu(few[:, :0], weight0[:, :0], bias0),
        lambda: ops.pooled_cpu(x[:, :5], weight0[:, :5], bias0),
        lambda: ops.pooled_gradient_cpu(y, tap[:, :, :2], x, weight0, False),
        lambda: ops.pooled_gradient_cpu(y, tap.int(), x, weight0, False),
        lambda: ops.pooled_gradient_cpu(y, tap, few, weight0[:, :3], True),
    ):
        with pytest.raises(RuntimeError, match='conv2d: '):
            call()


def test_sizes_decide_what_is_pooled_at_once() -> None:
    fits = Convolution('cpu', torch.bfloat16, 4, 8, 8, 3, 32)
    assert pools_at_once(fits)
    assert pools_at_once(fits._replace(channels=48))
    for change in (
        {'channels': 4},
        {'channels': 0},
        {'results': 8},
        {'dtype': torch.float32},
        {'device_type': 'cuda'},
        {'stride': (2, 2)},
        {'height': 0},
    ):
        assert not pools_at_once(fits._replace(**change))
