"""Every implementation against the plain float64 loop: outputs, final state and all gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from srwm_cases import Case, assert_close, error, evaluate, make_case, truth

from srwm.kernels.srwm.reference import reference

# (T, B, H, D, Y): every tuned size, the padded ones beside them, output_dim apart from head_dim.
SHAPES = [
    (0, 2, 1, 16, 16),
    (1, 1, 1, 1, 1),
    (1, 3, 2, 16, 16),
    (2, 3, 1, 3, 3),
    (3, 257, 1, 4, 4),
    (5, 0, 2, 16, 16),
    (17, 2, 2, 8, 8),
    (51, 3, 2, 16, 16),
    (17, 2, 1, 16, 49),
    (63, 1, 1, 20, 7),
    (9, 1, 3, 27, 27),
    (9, 2, 1, 28, 28),
    (65, 1, 2, 32, 32),
    (5, 1, 1, 48, 48),
    (33, 1, 2, 64, 64),
    (3, 1, 1, 128, 128),
    (333, 1, 1, 16, 16),
]
OPTIONS = [
    {'input_softmax': True, 'bptt': 'unroll'},
    {'input_softmax': False, 'bptt': 'unroll'},
    {'input_softmax': True, 'bptt': 'step'},
]


def name(options: dict[str, object]) -> str:
    return f'{options["bptt"]}-{"softmax" if options["input_softmax"] else "raw"}'


def tolerance(steps: int) -> float:
    return 2e-6 if steps <= 65 else 1e-5


@pytest.mark.parametrize('options', OPTIONS, ids=name)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_float32_agrees_with_the_float64_loop(
    run: Callable, shape: tuple[int, ...], options: dict, poisoned_memory: None
) -> None:
    if shape[0] > 65 and not options['input_softmax']:
        pytest.skip('a long sequence is run with the softmax only: its plain float64 loop takes long')
    case = make_case(*shape)
    assert_close(evaluate(run, case, torch.float32, **options), truth(case, **options), tolerance(shape[0]))


@pytest.mark.parametrize('options', OPTIONS, ids=name)
@pytest.mark.parametrize('shape', [s for s in SHAPES if s[0] <= 51], ids=str)
def test_float64_agrees_with_the_float64_loop(
    implementation: str, shape: tuple[int, ...], options: dict, poisoned_memory: None
) -> None:
    from srwm.kernels import srwm

    case = make_case(*shape)
    found = evaluate(srwm, case, torch.float64, implementation=implementation, **options)
    assert_close(found, truth(case, **options), 1e-12)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('carried', [True, False], ids=['carried', 'fresh'])
@pytest.mark.parametrize('resets', ['none', 'first', 'last', 'all', 'pair', 'some'])
def test_resets_anywhere_and_any_start_agree(run: Callable, resets: str, carried: bool, bptt: str) -> None:
    case = make_case(12, 3, 2, 5, 6, carried=carried, resets=resets, seed=1)
    options = {'input_softmax': True, 'bptt': bptt}
    assert_close(evaluate(run, case, torch.float64, **options), truth(case, **options), 1e-12)


@pytest.mark.parametrize(
    'hostile',
    [
        {'scale': 6.0},
        {'scale': 12.0},
        {'beta_mean': 20.0},
        {'beta_mean': -20.0},
        {'scale': 3.0, 'beta_mean': 3.0},
    ],
    ids=str,
)
def test_hostile_inputs_err_no_more_than_the_plain_float32_loop(run: Callable, hostile: dict) -> None:
    case = make_case(40, 2, 2, 16, 16, seed=2, **hostile)
    expected = truth(case, input_softmax=False)
    plain = evaluate(reference, case, torch.float32, input_softmax=False)
    found = evaluate(run, case, torch.float32, input_softmax=False)
    for key, value in expected.items():
        assert error(found[key], value) <= 4 * error(plain[key], value) + 1e-7, key


@pytest.mark.parametrize('large', [200.0, 3e4])
def test_large_logits_saturate_without_overflow(run: Callable, large: float) -> None:
    case = make_case(6, 2, 1, 16, 16, resets='none', carried=False, seed=3)
    big = Case(x=case.x * large, w=case.w, delta=None, is_first=None, dy=case.dy, ddelta=case.ddelta)
    found = evaluate(run, big, torch.float32, input_softmax=True)
    assert all(value.isfinite().all() for value in found.values())
    assert_close(found, truth(big, input_softmax=True), 1e-3)


@pytest.mark.parametrize('bad', [float('nan'), float('inf')], ids=str)
def test_a_bad_number_stays_in_its_chain_and_its_episode(run: Callable, bad: float) -> None:
    case = make_case(9, 2, 2, 16, 16, resets='none', seed=4)
    is_first = torch.zeros(9, 2, dtype=torch.bool)
    is_first[6] = True
    x = case.x.float()
    x[3, 1, 0, 5] = bad
    found, _ = run(x, case.w.float(), case.delta.float(), is_first, input_softmax=False)
    expected, _ = reference(x, case.w.float(), case.delta.float(), is_first, input_softmax=False)
    assert torch.equal(found.isfinite(), expected.isfinite())
    assert not found[3:6, 1, 0].isfinite().any()
    clean = torch.ones_like(found, dtype=torch.bool)
    clean[3:6, 1, 0] = False
    assert found[clean].isfinite().all()


@pytest.mark.parametrize(
    ('dtype', 'outputs', 'gradients'), [(torch.bfloat16, 4e-3, 8e-3), (torch.float16, 1e-3, 2e-3)]
)
def test_half_precision_inputs_keep_a_float32_state(
    run: Callable, dtype: torch.dtype, outputs: float, gradients: float
) -> None:
    case = make_case(20, 2, 2, 16, 16, seed=5)
    rounded = Case(
        x=case.x.to(dtype).double(), w=case.w.float().double(), delta=case.delta.float().double(),
        is_first=case.is_first, dy=case.dy.to(dtype).double(), ddelta=case.ddelta.float().double(),
    )  # fmt: skip
    x = rounded.x.to(dtype).requires_grad_()
    w, delta = rounded.w.float().requires_grad_(), rounded.delta.float().requires_grad_()
    y, end = run(x, w, delta, case.is_first, input_softmax=True)
    assert (y.dtype, end.dtype) == (dtype, torch.float32)
    cotangents = [rounded.dy.to(dtype), rounded.ddelta.float()]
    dx, dw, ddelta = torch.autograd.grad([y, end], [x, w, delta], cotangents)
    expected = truth(rounded, input_softmax=True)
    assert error(y, expected['y']) <= outputs
    for key, found in (('dx', dx), ('dw', dw), ('ddelta', ddelta)):
        assert error(found, expected[key]) <= gradients, key


def test_strided_inputs_give_the_same_bits_as_contiguous_ones(run: Callable) -> None:
    case = make_case(7, 3, 2, 16, 16, seed=6)
    one = case.delta[:1]
    dense = Case(
        x=case.x, w=case.w, delta=one.expand(3, -1, -1, -1).contiguous(),
        is_first=case.is_first, dy=case.dy, ddelta=case.ddelta,
    )  # fmt: skip
    expected = evaluate(run, dense, torch.float32, input_softmax=True)
    x = torch.stack([case.x.transpose(0, 1)] * 2, dim=-2).float()[..., 0, :].transpose(0, 1)
    w = case.w.transpose(1, 2).contiguous().float().transpose(1, 2)
    first = torch.stack([case.is_first.T] * 2)[0].T
    assert not x.is_contiguous()
    assert not w.is_contiguous()
    assert not first.is_contiguous()
    for tensor in (x, w):
        tensor.requires_grad_()
    y, end = run(x, w, one.float().expand(3, -1, -1, -1), first, input_softmax=True)
    dy = case.dy.float().transpose(0, 3).contiguous().transpose(0, 3)
    dx, dw = torch.autograd.grad([y, end], [x, w], [dy, case.ddelta.float()])
    for found, key in ((y, 'y'), (dx, 'dx'), (dw, 'dw')):
        assert error(found, expected[key]) <= 1e-6, key


def test_packed_sequences_equal_separate_ones(run: Callable) -> None:
    lengths = (4, 0, 1, 7)
    case = make_case(sum(lengths), 1, 2, 5, 5, seed=7)
    states = make_case(1, len(lengths), 2, 5, 5, seed=8)
    cu_seqlens = torch.tensor([0, 4, 4, 5, 12], dtype=torch.int32)
    packed = Case(
        x=case.x, w=case.w, delta=states.delta, is_first=case.is_first, dy=case.dy, ddelta=states.ddelta
    )
    found = evaluate(run, packed, torch.float64, input_softmax=True, cu_seqlens=cu_seqlens)
    total = torch.zeros_like(case.w)
    for n, (a, b) in enumerate(zip(cu_seqlens.tolist(), cu_seqlens.tolist()[1:], strict=False)):
        alone = Case(
            x=case.x[a:b], w=case.w, delta=states.delta[n : n + 1], is_first=case.is_first[a:b],
            dy=case.dy[a:b], ddelta=states.ddelta[n : n + 1],
        )  # fmt: skip
        expected = truth(alone, input_softmax=True)
        total += expected['dw']
        for key, part in (
            ('y', slice(a, b)),
            ('dx', slice(a, b)),
            ('w_end', slice(n, n + 1)),
            ('ddelta', slice(n, n + 1)),
        ):
            assert error(found[key][part], expected[key]) <= 1e-12, (key, n)
    assert error(found['dw'], total) <= 1e-12
