"""Options of the op that change where a number comes from and no number: checkpoints, half precision."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from srwm_cases import Case, evaluate, make_case

from srwm.kernels import srwm


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('resets', ['none', 'some', 'pair'])
@pytest.mark.parametrize('every', [1, 4, 7, 100])
def test_checkpoints_change_no_bit(every: int, resets: str, bptt: str) -> None:
    run = functools.partial(srwm, implementation='reference')
    case = make_case(21, 3, 2, 16, 16, resets=resets, seed=1)
    options = {'input_softmax': True, 'bptt': bptt}
    expected = evaluate(run, case, torch.float32, **options)
    found = evaluate(run, case, torch.float32, checkpoint_every=every, **options)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_checkpoints_of_packed_sequences_change_no_bit() -> None:
    run = functools.partial(srwm, implementation='reference')
    lengths = (4, 0, 1, 9, 3)
    case = make_case(sum(lengths), 1, 2, 5, 5, seed=2)
    states = make_case(1, len(lengths), 2, 5, 5, seed=3)
    packed = Case(
        x=case.x, w=case.w, delta=states.delta, is_first=case.is_first, dy=case.dy, ddelta=states.ddelta
    )
    cu_seqlens = torch.tensor([0, 4, 4, 5, 14, 17], dtype=torch.int32)
    options = {'input_softmax': False, 'cu_seqlens': cu_seqlens}
    expected = evaluate(run, packed, torch.float32, **options)
    for every in (1, 3, 4, 20):
        found = evaluate(run, packed, torch.float32, checkpoint_every=every, **options)
        assert all(torch.equal(found[key], expected[key]) for key in expected), every


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize('shape', [(1, 2**16, 1, 1, 2)], ids=str)
def test_half_precision_is_read_and_rounded_as_torch_does(
    run: Callable, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    every = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(dtype).reshape(shape[:4])
    w = torch.zeros(1, 1, 8)
    for factor in (1.0, 0.7071, 3.3e-5, 1e-3, 40.0):
        w[..., 0] = w[..., 1] = factor
        y, _ = run(every, w, input_softmax=False)
        expected = (every.float() * factor).to(dtype).expand(-1, -1, -1, 2)
        finite = every.isfinite().squeeze(-1)
        assert torch.equal(y[finite], expected[finite]), factor
        assert torch.equal(y.isnan()[..., 0], every.isnan()[..., 0])
