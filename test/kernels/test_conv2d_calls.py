"""What serves a convolution and what it refuses; the ops inside torch's machinery."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from srwm.kernels import Convolution, KernelError, conv2d, explain_conv2d
from srwm.kernels.conv2d.explain import missing
from srwm.kernels.cpu_library import instruction_set

FITS = Convolution(
    device_type='cpu', dtype=torch.float32, images=4, height=8, width=8, channels=16, results=32
)


def inputs(channels: int = 16, results: int = 32, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(0)
    sizes = (2, channels, 6, 6), (results, channels, 3, 3), (results,)
    return [torch.randn(size, dtype=dtype, requires_grad=True) for size in sizes]


@pytest.fixture
def _compiled() -> None:
    if missing():
        pytest.skip(f'the compiled kernels are missing: {missing()}')


@pytest.mark.usefixtures('_compiled')
def test_sizes_choose_and_say_why() -> None:
    fast = instruction_set() in ('avx2', 'avx512')
    assert explain_conv2d(FITS).implementation == ('cpu' if fast else 'torch')
    assert explain_conv2d(FITS, 'cpu').implementation == 'cpu'
    assert 'asked for by name' in explain_conv2d(FITS, 'torch').reason
    for change, why in (
        ({'channels': 3}, 'its channels are multiples of 16, got 3 to 32'),
        ({'dtype': torch.float64}, 'it computes in float32 or bfloat16, got float64'),
        ({'device_type': 'cuda'}, 'it runs on cpu tensors, got cuda'),
        ({'stride': (2, 2)}, 'got 3x3 with stride 2, padding 1'),
        ({'window': (1, 3), 'padding': (0, 1)}, 'got 1x3 with stride 1, padding 0x1'),
        ({'groups': 2}, 'groups 2'),
    ):
        said = explain_conv2d(FITS._replace(**change))
        assert said.implementation == 'torch'
        assert why in said.reason
        with pytest.raises(KernelError, match='"cpu" cannot serve'):
            explain_conv2d(FITS._replace(**change), 'cpu')


@pytest.mark.usefixtures('_compiled')
def test_a_processor_on_which_it_was_not_timed_keeps_torch_s() -> None:
    instruction_set(0)
    try:
        assert 'this processor has portable' in explain_conv2d(FITS).reason
    finally:
        instruction_set(2)


@pytest.mark.parametrize(
    ('channels', 'options'),
    [
        (3, {'padding': 1}),
        (16, {'padding': 0}),
        (16, {'padding': (1, 2), 'stride': 2}),
        (16, {'dilation': 2}),
    ],
    ids=str,
)
def test_what_does_not_fit_is_torch_s(channels: int, options: dict[str, Any]) -> None:
    x, weight, bias = inputs(channels)
    expected = F.conv2d(x.relu(), weight, bias, **options)
    residual = torch.randn(expected.shape)
    found = conv2d(x, weight, bias, **options, relu_input=True, residual=residual)
    assert torch.equal(found, expected + residual)


def test_float64_is_torch_s() -> None:
    x, weight, bias = inputs(dtype=torch.float64)
    assert torch.equal(conv2d(x, weight, bias, padding=1), F.conv2d(x, weight, bias, padding=1))


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'x': 'image'}, 'x must be a tensor, got str'),
        ({'x': torch.zeros(16, 6, 6)}, 'x must have 4 dimensions, got 3: [16, 6, 6]'),
        ({'weight': torch.zeros(32, 8, 3, 3)}, 'weight must be [K,16/groups,R,S], got [32, 8, 3, 3]'),
        ({'weight': torch.zeros(32, 16, 3, 3, dtype=torch.float64)}, 'the dtype of x, float32, got float64'),
        ({'bias': torch.zeros(16)}, 'bias must be [32], got [16]'),
        ({'residual': torch.zeros(1, 32, 6, 6)}, "the result's shape [2, 32, 6, 6], got [1, 32, 6, 6]"),
        ({'padding': -1}, 'padding must be a whole number of at least 0, or two, got -1'),
        ({'stride': 0}, 'stride must be a whole number of at least 1, or two, got 0'),
        ({'dilation': 9}, 'x must be at least as large as the window'),
        ({'implementation': 'cudnn'}, "implementation must be one of ['auto', 'cpu', 'torch'], got 'cudnn'"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(change: dict[str, Any], said: str) -> None:
    x, weight, bias = inputs()
    with pytest.raises(KernelError) as caught:
        conv2d(**{'x': x, 'weight': weight, 'bias': bias, 'padding': 1, **change})
    assert said in caught.value.message
    assert caught.value.message.startswith('conv2d: ')


@pytest.mark.usefixtures('_compiled')
def test_the_ops_themselves_keep_memory_safe() -> None:
    x, weight, bias = (t.detach() for t in inputs())
    ops = torch.ops.conv2d
    for call in (
        lambda: ops.forward_cpu(x, weight[:, :, :2], bias, None, False),
        lambda: ops.forward_cpu(x[:, :3], weight[:, :3], bias, None, False),
        lambda: ops.forward_cpu(x.double(), weight, bias, None, False),
        lambda: ops.forward_cpu(x, weight, bias[:-1], None, False),
        lambda: ops.forward_cpu(x, weight, bias, x, False),
        lambda: ops.input_cpu(x, weight, None),
        lambda: ops.weight_cpu(x, x[:, :, :-1], False),
    ):
        with pytest.raises(RuntimeError, match='conv2d: '):
            call()


@pytest.mark.usefixtures('_compiled')
def test_opcheck_accepts_the_ops() -> None:
    x, weight, bias = inputs(16, 16)
    dy = torch.randn(2, 16, 6, 6, requires_grad=True)
    for relu in (False, True):
        torch.library.opcheck(torch.ops.conv2d.forward_cpu.default, (x, weight, bias, dy, relu))
        torch.library.opcheck(torch.ops.conv2d.weight_cpu.default, (x, dy, relu))
    torch.library.opcheck(torch.ops.conv2d.input_cpu.default, (dy, weight, x.detach()))


@pytest.mark.usefixtures('_compiled')
def test_fake_tensors_have_the_shape_and_order_of_real_ones() -> None:
    x, weight, bias = inputs()
    real = conv2d(x, weight, bias, padding=1, implementation='cpu')
    with FakeTensorMode() as mode:
        fx, fw, fb = (mode.from_tensor(t) for t in (x, weight, bias))
        fake = conv2d(fx, fw, fb, padding=1, implementation='cpu')
    assert (fake.shape, fake.stride(), fake.dtype) == (real.shape, real.stride(), real.dtype)


@pytest.mark.usefixtures('_compiled')
def test_compiles_whole() -> None:
    def network(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return conv2d(x, weight, bias, padding=1, relu_input=True, implementation='cpu').mean()

    leaves = inputs()
    expected = torch.autograd.grad(network(*leaves), leaves)
    compiled = torch.compile(network, fullgraph=True, backend='aot_eager')
    for found, value in zip(torch.autograd.grad(compiled(*leaves), leaves), expected, strict=True):
        torch.testing.assert_close(found, value)


@pytest.mark.usefixtures('_compiled')
def test_relu_in_place_over_the_result_keeps_gradients() -> None:
    """As the engine does it: no backward pass reads the result."""
    x, weight, bias = inputs()
    y = conv2d(x, weight, bias, padding=1, implementation='cpu')
    expected = torch.autograd.grad(y.relu().sum(), (x, weight, bias))
    over = torch.relu_(conv2d(x, weight, bias, padding=1, implementation='cpu'))
    for found, value in zip(torch.autograd.grad(over.sum(), (x, weight, bias)), expected, strict=True):
        assert torch.equal(found, value)
