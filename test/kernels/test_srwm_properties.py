"""What must hold of the recurrence itself, for every implementation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from srwm_cases import Case, assert_close, error, evaluate, make_case, truth

from srwm.kernels import KernelError, srwm
from srwm.kernels.srwm.reference import reference


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_a_sequence_cut_in_two_with_carried_state_equals_one(run: Callable, bptt: str) -> None:
    case = make_case(21, 3, 2, 16, 16, seed=1)
    options = {'input_softmax': True, 'bptt': bptt}

    def in_two(x, w, delta, is_first, **options):
        first, middle = run(x[:8], w, delta, is_first[:8], **options)
        second, end = run(x[8:], w, middle, is_first[8:], **options)
        return torch.cat([first, second]), end

    assert_close(
        evaluate(in_two, case, torch.float64, **options), evaluate(run, case, torch.float64, **options), 1e-12
    )


def test_the_reference_gives_the_same_bits_in_two_halves() -> None:
    case = make_case(9, 2, 2, 5, 5, seed=2)
    y, end = reference(case.x, case.w, case.delta, case.is_first, input_softmax=False)
    first, middle = reference(case.x[:4], case.w, case.delta, case.is_first[:4], input_softmax=False)
    second, last = reference(case.x[4:], case.w, middle, case.is_first[4:], input_softmax=False)
    assert torch.equal(torch.cat([first, second]), y)
    assert torch.equal(last, end)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_an_episode_boundary_inside_equals_two_separate_sequences(run: Callable, bptt: str) -> None:
    case = make_case(14, 2, 2, 16, 16, resets='none', seed=3)
    options = {'input_softmax': False, 'bptt': bptt}
    is_first = torch.zeros(14, 2, dtype=torch.bool)
    is_first[6] = True
    joined = evaluate(run, Case(**vars(case) | {'is_first': is_first}), torch.float64, **options)

    def apart(x, w, delta, is_first, **options):
        first, _ = run(x[:6], w, delta, None, **options)
        second, end = run(x[6:], w, None, None, **options)
        return torch.cat([first, second]), end

    assert_close(joined, evaluate(apart, case, torch.float64, **options), 1e-12)


def test_step_trains_only_the_columns_of_y_and_returns_a_detached_state(run: Callable) -> None:
    case = make_case(11, 3, 2, 16, 16, seed=4)
    x, w, delta = (t.float().requires_grad_() for t in (case.x, case.w, case.delta))
    y, end = run(x, w, delta, case.is_first, input_softmax=True, bptt='step')
    assert y.requires_grad
    assert not end.requires_grad
    dx, dw, ddelta = torch.autograd.grad(y, [x, w, delta], case.dy.float(), allow_unused=True)
    assert (dw[..., 16:] == 0).all()
    assert dw[..., :16].abs().min() > 0
    assert dx.abs().min() > 0
    assert ddelta is None or (ddelta == 0).all()


def test_step_equals_calls_of_one_step_with_a_detached_state(run: Callable) -> None:
    case = make_case(9, 2, 1, 5, 5, seed=5)

    def by_step(x, w, delta, is_first, **options):
        outputs = []
        for t in range(len(x)):
            y, delta = run(x[t : t + 1], w, delta.detach(), is_first[t : t + 1], **options)
            outputs.append(y)
        return torch.cat(outputs), delta.detach()

    expected = evaluate(by_step, case, torch.float64, input_softmax=True)
    assert_close(evaluate(run, case, torch.float64, input_softmax=True, bptt='step'), expected, 1e-12)


def test_batch_columns_and_heads_are_independent(run: Callable) -> None:
    case = make_case(6, 3, 2, 16, 16, seed=6)
    y, end = run(case.x, case.w, case.delta, case.is_first, input_softmax=True)
    for b in range(3):
        for h in range(2):
            alone, alone_end = run(
                case.x[:, b : b + 1, h : h + 1], case.w[h : h + 1], case.delta[b : b + 1, h : h + 1],
                case.is_first[:, b : b + 1], input_softmax=True,
            )  # fmt: skip
            assert error(alone, y[:, b : b + 1, h : h + 1]) <= 1e-14
            assert error(alone_end, end[b : b + 1, h : h + 1]) <= 1e-13


def test_one_step_reads_y_from_the_slow_weights_and_rates_near_zero_change_nothing(run: Callable) -> None:
    case = make_case(5, 2, 1, 5, 5, carried=False, resets='none', seed=7)
    expected = torch.einsum('tbhd,hdy->tbhy', case.x, case.w[..., :5])
    y, _ = run(case.x[:1], case.w, input_softmax=False)
    assert error(y, expected[:1]) <= 1e-14
    ones = torch.ones_like(case.x[..., :1])
    x, w = torch.cat([case.x[..., :4], ones], dim=-1), case.w.clone()
    w[..., 4, -4:] = -1e3
    y, delta = run(x, w, input_softmax=False)
    assert error(y, torch.einsum('tbhd,hdy->tbhy', x, w[..., :5])) <= 1e-12
    assert delta.abs().max() <= 1e-12


def test_no_steps_hand_the_state_through(run: Callable) -> None:
    case = make_case(0, 2, 1, 5, 5)
    y, end = run(case.x, case.w, case.delta, case.is_first, input_softmax=True)
    assert y.shape == (0, 2, 1, 5)
    assert torch.equal(end, case.delta)
    assert end.data_ptr() != case.delta.data_ptr()


def test_inputs_are_never_written(run: Callable) -> None:
    case = make_case(5, 2, 2, 16, 16)
    before = [t.clone() for t in (case.x, case.w, case.delta, case.is_first)]
    evaluate(run, case, torch.float64, input_softmax=True)
    assert all(
        torch.equal(a, b) for a, b in zip(before, (case.x, case.w, case.delta, case.is_first), strict=True)
    )


def test_only_the_state_may_carry_a_gradient(run: Callable) -> None:
    case = make_case(6, 2, 1, 5, 5, seed=8)
    x, w, delta = (t.clone().requires_grad_() for t in (case.x, case.w, case.delta))
    for outputs in (0, 1):
        found = run(x, w, delta, case.is_first, input_softmax=True)[outputs].sum()
        expected = reference(x, w, delta, case.is_first, input_softmax=True)[outputs].sum()
        pairs = zip(
            torch.autograd.grad(found, [x, w, delta]),
            torch.autograd.grad(expected, [x, w, delta]),
            strict=True,
        )
        assert all(error(a, b) <= 1e-12 for a, b in pairs)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_the_compiled_form_gives_the_same_bits_for_any_number_of_threads(
    dtype: torch.dtype, bptt: str
) -> None:
    from srwm.kernels.srwm import cpu_op

    if cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    case = make_case(10, 19, 3, 16, 16, seed=9)
    options = {'input_softmax': True, 'bptt': bptt, 'implementation': 'cpu'}
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(evaluate(srwm, case, dtype, **options))
    assert all(torch.equal(r[key], results[0][key]) for r in results for key in r)


@pytest.mark.parametrize('input_softmax', [True, False])
@pytest.mark.parametrize('carried', [True, False], ids=['carried', 'fresh'])
@pytest.mark.parametrize('resets', ['none', 'pair'])
def test_gradients_equal_finite_differences(
    implementation: str, resets: str, carried: bool, input_softmax: bool
) -> None:
    case = make_case(4, 2, 1, 3, 2, carried=carried, resets=resets, seed=10)
    leaves = [t.clone().requires_grad_() for t in (case.x, case.w, case.delta) if t is not None]

    def function(x, w, delta=None):
        return srwm(x, w, delta, case.is_first, input_softmax=input_softmax, implementation=implementation)

    assert torch.autograd.gradcheck(function, leaves)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('as_op', [True, False], ids=['op', 'plain'])
def test_the_reference_has_second_derivatives(as_op: bool, bptt: str) -> None:
    case = make_case(3, 2, 1, 2, 2, resets='pair', seed=11)
    leaves = [t.clone().requires_grad_() for t in (case.x, case.w, case.delta)]
    options = {'input_softmax': True, 'bptt': bptt}

    def function(*leaves):
        if as_op:
            y, end = srwm(*leaves, case.is_first, implementation='reference', **options)
        else:
            y, end = reference(*leaves, case.is_first, **options)
        return (y, end) if bptt == 'unroll' else y

    if bptt == 'unroll':
        assert torch.autograd.gradcheck(function, leaves)
        assert torch.autograd.gradgradcheck(function, leaves)
    else:
        x, w, delta = leaves
        (dx,) = torch.autograd.grad(function(x, w, delta).square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(dx.square().sum(), w)
        assert (second[..., 2:] == 0).all()
        assert second[..., :2].abs().min() > 0


def test_the_compiled_form_says_that_it_has_no_second_derivatives() -> None:
    from srwm.kernels.srwm import cpu_op

    if cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    case = make_case(3, 1, 1, 4, 4)
    x = case.x.clone().requires_grad_()
    y, _ = srwm(x, case.w, input_softmax=True, implementation='cpu')
    (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(KernelError, match='reference') as raised:
        dx.sum().backward()
    assert raised.value.code == 'KERNEL_UNSUPPORTED'


def test_rearrangements_of_the_arithmetic_agree() -> None:
    """W_y is a linear memory under given q, k, beta, and y is causal linear attention over (k, insertion)."""
    from srwm.kernels.srwm.analytic import forward

    case = make_case(23, 2, 2, 6, 6, resets='none', seed=12)
    y, _, saved = forward(case.x, case.w, case.delta, None, input_softmax=False)
    q, k, beta, insertion = saved.split([6, 6, 4, 22], dim=-1)
    start = case.w + case.delta
    mask = torch.ones(23, 23, dtype=torch.float64).tril(-1)
    scores = torch.einsum('tbhd,sbhd->bhts', case.x, k) * mask
    attention = torch.einsum('bhts,sbhy->tbhy', scores, insertion[..., :6])
    assert error(torch.einsum('tbhd,bhdy->tbhy', case.x, start[..., :6]) + attention, y) <= 1e-12

    memory, outputs = start[..., :6], []
    for t in range(23):
        outputs.append(torch.einsum('bhd,bhdy->bhy', case.x[t], memory))
        write = beta[t, ..., :1] * k[t]
        memory = memory + write.unsqueeze(-1) * torch.einsum('bhd,bhdy->bhy', q[t] - k[t], memory).unsqueeze(
            -2
        )
    assert error(torch.stack(outputs), y) <= 1e-12
    eigenvalue = 1 + beta[..., 0] * ((q - k) * k).sum(-1)
    assert ((eigenvalue > 0) & (eigenvalue < 1.25)).all()


def test_long_sequences_keep_their_gradients_through_the_walk_back(run: Callable) -> None:
    case = make_case(200, 1, 1, 16, 16, resets='some', seed=13)
    assert_close(
        evaluate(run, case, torch.float64, input_softmax=True), truth(case, input_softmax=True), 1e-12
    )
