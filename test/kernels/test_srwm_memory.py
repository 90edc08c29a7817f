"""What the op reads: no value on the host's behalf, every stride where it lies, addresses beyond 2^31."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from cases import leaf
from srwm_cases import make_case
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from srwm.kernels import srwm, srwm_step_

aten = torch.ops.aten
# What makes the host wait for a device, and so cannot be part of a CUDA graph.
READS = {
    aten._local_scalar_dense,
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten._unique2,
    aten.is_nonzero,
}


class NoReads(TorchDispatchMode):
    """Refuses every operation whose result the host must see."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in READS:
            raise AssertionError(f'{func} reads a value on the host')
        return func(*args, **(kwargs or {}))


def test_the_guard_sees_a_read() -> None:
    with pytest.raises(AssertionError, match='reads a value'), NoReads():
        torch.ones(1).item()


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('every', [None, 4], ids=['whole', 'checkpoints'])
@pytest.mark.parametrize('packed', [False, True], ids=['batch', 'packed'])
def test_neither_pass_reads_a_value_on_the_host(
    implementation: str, packed: bool, every: int | None, bptt: str
) -> None:
    case = make_case(6, 1, 2, 8, 8, seed=1)
    x, w, delta = (leaf(t, torch.float32) for t in (case.x, case.w, case.delta))
    cu_seqlens = torch.tensor([0, 6], dtype=torch.int32) if packed else None
    options = {
        'input_softmax': True,
        'bptt': bptt,
        'cu_seqlens': cu_seqlens,
        'implementation': implementation,
        'checkpoint_every': every,
    }
    with NoReads():
        y, _ = srwm(x, w, delta, case.is_first, **options)
        y.backward(case.dy.float())
    assert x.grad is not None


def test_neither_the_op_nor_the_step_reads_a_value_of_a_gpu() -> None:
    """Fake tensors have no values: whoever asks for one raises. (Autograd's engine wants a real device.)"""
    with FakeTensorMode():
        x = torch.empty(6, 1, 2, 8, device='cuda', requires_grad=True)
        w = torch.empty(2, 8, 28, device='cuda', requires_grad=True)
        is_first = torch.empty(6, 1, dtype=torch.bool, device='cuda')
        cu_seqlens = torch.empty(3, dtype=torch.int32, device='cuda')
        y, end = srwm(x, w, None, is_first, input_softmax=True, cu_seqlens=cu_seqlens)
        with torch.no_grad():
            step = srwm_step_(x[0], w, end[:1].detach(), is_first[0], input_softmax=True)
    assert (y.device.type, y.requires_grad, end.shape) == ('cuda', True, (2, 2, 8, 28))
    assert step.shape == (1, 2, 8)


@pytest.mark.parametrize('shape', [(3, 1, 1, 16, 16)], ids=str)
def test_addresses_beyond_two_to_the_31(run: Callable, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Steps lie 2^30 numbers apart in a file with holes, so that the last one starts at number 2^31."""
    case = make_case(*shape, resets='none', seed=2)
    dense = case.x.bfloat16()
    far = torch.from_file(str(tmp_path / 'far'), shared=True, size=2**31 + 16, dtype=torch.bfloat16)
    x = far.as_strided((3, 1, 1, 16), (2**30, 16, 16, 1))
    x.copy_(dense)
    w, delta = case.w.float(), case.delta.float()
    dys = case.dy.bfloat16()
    found, expected = [], []
    for results, given in ((found, x), (expected, dense)):
        given = given.detach().requires_grad_()
        y, end = run(given, w, delta, input_softmax=True)
        results += [y, end, *torch.autograd.grad(y, given, dys)]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_an_expanded_state_and_strided_steps_are_not_copied(implementation: str) -> None:
    """The op allocates its outputs and nothing of the sequence's or the states' size beside them."""
    if implementation != 'cpu':
        pytest.skip('the reference is made of torch ops, which copy; Triton is asked in its own tests')
    case = make_case(40, 16, 2, 16, 16, resets='none', seed=3)
    x = case.x.float().transpose(0, 1).contiguous().transpose(0, 1)
    one = case.delta[:1].float()
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profile:
        y, end = srwm(x, case.w.float(), one, input_softmax=True, implementation='cpu')
    allocated = sum(max(0, event.self_cpu_memory_usage) for event in profile.key_averages())
    outputs = sum(t.numel() * t.element_size() for t in (y, end))
    w_bytes = case.w.numel() * 4
    assert outputs <= allocated <= outputs + 2 * w_bytes


def test_what_is_saved_past_the_caches_is_the_same(implementation: str) -> None:
    """From 32 MB on it is written another way: halves of the batch, which lie below, have the same bits."""
    if implementation != 'cpu':
        pytest.skip('only the compiled form has two ways to write it')
    x = torch.randn(45, 256, 8, 16, generator=torch.Generator().manual_seed(4))
    w = torch.randn(8, 16, 52, generator=torch.Generator().manual_seed(5)) / 4

    def results(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = x.detach().requires_grad_()
        y, _ = srwm(x, w, input_softmax=True, implementation='cpu')
        return y.detach(), torch.autograd.grad(y, x, torch.ones_like(y))[0]

    halves = zip(results(x[:, :128]), results(x[:, 128:]), strict=True)
    for whole, parts in zip(results(x), halves, strict=True):
        assert torch.equal(whole, torch.cat(parts, dim=1))
