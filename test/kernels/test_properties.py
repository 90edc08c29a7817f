"""What must hold of every recurrence itself, for every implementation of every op."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from cases import BaseCase, assert_close, error, evaluate, truth
from ops import Op, Precision
from torch import Tensor

from srwm.kernels import KernelError
from srwm.kernels.srwm import cpu_op


def in_parts(run: Callable, case: BaseCase, borders: tuple[int, ...], carry: Callable) -> Callable:
    """Returns `run` over the pieces between `borders`; `carry(state)` is what the next piece starts from."""
    count = len(case.sequences)

    def pieces(*arguments: Tensor | None, **options: object) -> tuple[Tensor, Tensor]:
        *inputs, state, is_first = arguments
        outputs = []
        for a, b in itertools.pairwise(borders):
            sequences = [t[a:b] for t in inputs[:count]]
            resets = None if is_first is None else is_first[a:b]
            y, end = run(*sequences, *inputs[count:], state, resets, **options)
            outputs.append(y)
            state = carry(end)
        return torch.cat(outputs), end

    return pieces


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_a_sequence_cut_in_two_with_carried_state_equals_one(
    op: Op, run_op: Callable, precision: Precision, bptt: str
) -> None:
    case = op.make_case(21, 3, 2, 16, 16, seed=1)
    options = {**op.defaults, 'bptt': bptt}
    in_two = in_parts(run_op, case, (0, 8, 21), lambda state: state)
    whole = evaluate(run_op, case, precision.dtype, **options)
    assert_close(evaluate(in_two, case, precision.dtype, **options), whole, precision.tolerance)


def test_the_reference_gives_the_same_bits_in_two_halves(op: Op) -> None:
    case = op.make_case(9, 2, 2, 5, 5, seed=2)
    y, end = case.reference(*case.arguments(), **op.defaults)
    in_two = in_parts(case.reference, case, (0, 4, 9), lambda state: state)
    halves, last = in_two(*case.arguments(), **op.defaults)
    assert torch.equal(halves, y)
    assert torch.equal(last, end)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_an_episode_boundary_inside_equals_two_separate_sequences(
    op: Op, run_op: Callable, precision: Precision, bptt: str
) -> None:
    case = op.make_case(14, 2, 2, 16, 16, resets='none', seed=3)
    options = {**op.hostile_options, 'bptt': bptt}
    is_first = torch.zeros(14, 2, dtype=torch.bool)
    is_first[6] = True
    joined = evaluate(run_op, case.replace(is_first=is_first), precision.dtype, **options)
    apart = in_parts(run_op, case, (0, 6, 14), lambda state: None)
    assert_close(joined, evaluate(apart, case, precision.dtype, **options), precision.tolerance)


def test_step_equals_calls_of_one_step_with_a_detached_state(
    op: Op, run_op: Callable, precision: Precision
) -> None:
    case = op.make_case(9, 2, 1, 5, 5, seed=5)
    by_step = in_parts(run_op, case, tuple(range(10)), lambda state: state.detach())

    def detached(*arguments: Tensor, **options: object) -> tuple[Tensor, Tensor]:
        *inputs, state, is_first = arguments
        y, end = by_step(*inputs, state.detach(), is_first, **options)
        return y, end.detach()

    found = evaluate(run_op, case, precision.dtype, **op.defaults, bptt='step')
    assert_close(found, evaluate(detached, case, precision.dtype, **op.defaults), precision.tolerance)


def test_batch_columns_and_heads_are_independent(op: Op, run_op: Callable, precision: Precision) -> None:
    case = op.make_case(6, 3, 2, 16, 16, seed=6)
    y, end = run_op(*case.arguments(precision.dtype), **op.defaults)
    for b in range(3):
        for h in range(2):
            batch, heads = slice(b, b + 1), slice(h, h + 1)
            alone, alone_end = run_op(*case.columns(batch, heads).arguments(precision.dtype), **op.defaults)
            assert error(alone, y[:, batch, heads]) <= 1e-14
            assert error(alone_end, end[batch, heads]) <= 1e-13


def test_the_order_of_the_batch_does_not_matter(op: Op, run_op: Callable, precision: Precision) -> None:
    case = op.make_case(8, 5, 2, 8, 8, seed=14)
    order = torch.tensor([3, 0, 4, 1, 2])
    expected = evaluate(run_op, case, precision.dtype, **op.defaults)
    found = evaluate(run_op, case.columns(order), precision.dtype, **op.defaults)
    for key in ('y', *(f'd{name}' for name in case.sequences)):
        assert error(found[key], expected[key][:, order]) <= 1e-14, key
    for key in ('w_end', f'd{case.state}'):
        assert error(found[key], expected[key][order]) <= 1e-14, key
    for key in case.weights:
        assert error(found[f'd{key}'], expected[f'd{key}']) <= precision.tolerance / 10, key


def test_no_steps_hand_the_state_through(op: Op, run_op: Callable, precision: Precision) -> None:
    case = op.make_case(0, 2, 1, 5, 5)
    y, end = run_op(*case.arguments(precision.dtype), **op.defaults)
    state = getattr(case, case.state).to(precision.dtype)
    assert y.shape == (0, 2, 1, 5)
    assert torch.equal(end, state)
    assert end.data_ptr() != state.data_ptr()


def test_inputs_are_never_written(op: Op, run_op: Callable, precision: Precision) -> None:
    case = op.make_case(5, 2, 2, 16, 16)
    before = [t.clone() for t in case.arguments()]
    evaluate(run_op, case, precision.dtype, **op.defaults)
    assert all(torch.equal(a, b) for a, b in zip(before, case.arguments(), strict=True))


def test_only_one_output_may_carry_a_gradient(op: Op, run_op: Callable, precision: Precision) -> None:
    case = op.make_case(6, 2, 1, 5, 5, seed=8)
    leaves = [t.to(precision.dtype, copy=True).requires_grad_() for t in case.tensors().values()]
    for output in (0, 1):
        found = run_op(*leaves, case.is_first, **op.defaults)[output].sum()
        expected = case.reference(*leaves, case.is_first, **op.defaults)[output].sum()
        options = {'allow_unused': True, 'materialize_grads': True}
        pairs = zip(
            torch.autograd.grad(found, leaves, **options),
            torch.autograd.grad(expected, leaves, **options),
            strict=True,
        )
        assert all(error(a, b) <= precision.tolerance for a, b in pairs)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_the_compiled_form_gives_the_same_bits_for_any_number_of_threads(
    op: Op, op_implementation: str, dtype: torch.dtype, bptt: str
) -> None:
    if op_implementation != 'cpu':
        pytest.skip("the order of torch's own sums is not ours to fix")
    case = op.make_case(10, 19, 3, 16, 16, seed=9)
    options = {**op.defaults, 'bptt': bptt, 'implementation': 'cpu'}
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(evaluate(op.function, case, dtype, **options))
    assert all(torch.equal(r[key], results[0][key]) for r in results for key in r)


@pytest.mark.parametrize('carried', [True, False], ids=['carried', 'fresh'])
@pytest.mark.parametrize('resets', ['none', 'pair'])
def test_gradients_equal_finite_differences(
    op: Op, op_implementation: str, resets: str, carried: bool
) -> None:
    case = op.make_case(4, 2, 1, 3, 2, carried=carried, resets=resets, seed=10)
    leaves = [t.clone().requires_grad_() for t in case.tensors().values()]
    for options in op.options:
        if options['bptt'] == 'step':
            continue

        def function(*inputs: Tensor, options: dict = options) -> tuple[Tensor, Tensor]:
            state = () if carried else (None,)
            return op.function(*inputs, *state, case.is_first, implementation=op_implementation, **options)

        # Triton's interpreter has time for projections of the Jacobian only.
        assert torch.autograd.gradcheck(function, leaves, fast_mode=op_implementation == 'triton')


@pytest.mark.parametrize('as_op', [True, False], ids=['op', 'plain'])
def test_the_reference_has_second_derivatives(op: Op, as_op: bool) -> None:
    case = op.make_case(3, 2, 1, 2, 2, resets='pair', seed=11)
    leaves = [t.clone().requires_grad_() for t in case.tensors().values()]
    options = {**op.defaults, **({'implementation': 'reference'} if as_op else {})}
    run = op.function if as_op else case.reference

    def function(*leaves: Tensor) -> tuple[Tensor, Tensor]:
        return run(*leaves, case.is_first, **options)

    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves)


def test_second_derivatives_through_single_steps_are_those_of_the_plain_loop(op: Op) -> None:
    case = op.make_case(3, 2, 1, 2, 2, resets='pair', seed=11)
    options = {**op.defaults, 'bptt': 'step'}
    found = []
    for run in (case.reference, lambda *args, **more: op.function(*args, **more, implementation='reference')):
        leaves = [t.clone().requires_grad_() for t in case.tensors().values()]
        y, _ = run(*leaves, case.is_first, **options)
        grads = torch.autograd.grad(y.square().sum(), leaves[:1], create_graph=True)
        total = sum(g.square().sum() for g in grads)
        found.append(torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True))
    assert all(error(b, a) <= 1e-12 for a, b in zip(*found, strict=True))
    assert sum(float(a.abs().sum()) for a in found[0]) > 0


def test_the_compiled_form_says_that_it_has_no_second_derivatives(op: Op, op_implementation: str) -> None:
    if op_implementation != 'cpu':
        pytest.skip('the reference has them')
    assert not cpu_op.missing()
    case = op.make_case(3, 1, 1, 4, 4)
    leaves = [t.clone().requires_grad_() for t in case.tensors().values()]
    y, _ = op.function(*leaves, case.is_first, **op.defaults, implementation='cpu')
    (dx,) = torch.autograd.grad(y.square().sum(), leaves[:1], create_graph=True)
    with pytest.raises(KernelError, match='reference') as raised:
        dx.sum().backward()
    assert raised.value.code == 'KERNEL_UNSUPPORTED'


def test_long_sequences_keep_their_gradients(op: Op, run_op: Callable, precision: Precision) -> None:
    case = op.make_case(200, 1, 1, 16, 16, resets='some', seed=13)
    assert_close(
        evaluate(run_op, case, precision.dtype, **op.defaults),
        truth(case, **op.defaults),
        precision.tolerance,
    )


@pytest.mark.parametrize('lead', [0, 1], ids=['[H,D,C]', '[1,H,D,C]'])
def test_one_initial_state_for_all_gets_the_summed_gradient(
    op: Op, run_op: Callable, precision: Precision, lead: int
) -> None:
    case = op.make_case(6, 3, 2, 5, 5, seed=4)
    state = getattr(case, case.state)
    one = state[:1] if lead else state[0]
    found = evaluate(run_op, case.carrying(one), precision.dtype, **op.defaults)
    separate = case.carrying(one.expand(3, 2, 5, -1).contiguous())
    expected = evaluate(run_op, separate, precision.dtype, **op.defaults)
    shared = f'd{case.state}'
    for key in found.keys() - {shared}:
        assert torch.equal(found[key], expected[key]), key
    torch.testing.assert_close(
        found[shared], expected[shared].sum(0).reshape(one.shape), rtol=precision.tolerance, atol=0
    )
