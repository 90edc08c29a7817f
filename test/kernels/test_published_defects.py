"""What the released kernels get wrong (docs/kernels.md), each as a test that ours must pass and they would not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import assert_close, error, evaluate, truth
from srwm_cases import make_case


@pytest.mark.parametrize('shape', [(5, 2, 2, 28, 28), (5, 2, 2, 32, 32), (5, 2, 1, 64, 64)], ids=str)
def test_gradients_at_head_dims_28_32_and_64(run: Callable, shape: tuple[int, ...]) -> None:
    """Above 768 numbers of D x D the released backward pass reads q and k with the stride of padded rows."""
    case = make_case(*shape, resets='none', carried=False, seed=1)
    found = evaluate(run, case, torch.float32, input_softmax=True)
    assert_close(found, truth(case, input_softmax=True), 2e-6)


@pytest.mark.parametrize('shape', [(332, 1, 1, 16, 16), (333, 1, 1, 16, 16)], ids=str)
def test_gradients_beyond_one_chunk_of_shared_memory(run: Callable, shape: tuple[int, ...]) -> None:
    """Beyond 332 steps (an A100) the released backward pass does not hand W on to the next chunk."""
    case = make_case(*shape, resets='none', carried=False, seed=2)
    found = evaluate(run, case, torch.float32, input_softmax=True)
    assert_close(found, truth(case, input_softmax=True), 1e-5)


def test_the_cotangent_of_the_final_state_counts_once(run: Callable) -> None:
    """The released stateful version adds it twice to the gradient of the initial state."""
    case = make_case(7, 2, 1, 16, 16, resets='none', seed=3)
    only_state = case.replace(dy=torch.zeros_like(case.dy))
    found = evaluate(run, only_state, torch.float32, input_softmax=True)
    expected = truth(only_state, input_softmax=True)
    assert error(found['ddelta'], expected['ddelta']) <= 2e-6
    assert error(found['ddelta'], expected['ddelta'] + case.ddelta) > 0.1


def test_an_unroll_trains_the_columns_of_q_k_and_beta(run: Callable) -> None:
    """The released RL code calls its kernel once a step with a detached state, which gives these a gradient of 0."""
    case = make_case(8, 2, 2, 16, 16, carried=False, seed=4)
    dw = evaluate(run, case, torch.float32, input_softmax=True)['dw']
    assert (dw[..., 16:].norm(dim=(1, 2)) > 1e-3).all()
    in_steps = evaluate(run, case, torch.float32, input_softmax=True, bptt='step')['dw']
    assert (in_steps[..., 16:] == 0).all()


def test_inputs_are_left_alone_and_a_returned_state_may_be_passed_on(run: Callable) -> None:
    """The released forward pass writes over the W it is given, and chaining calls spoils what the first one saved."""
    case = make_case(10, 2, 1, 16, 16, seed=5)
    before = [t.clone() for t in (case.x, case.w, case.delta)]

    def in_two(
        x: torch.Tensor, w: torch.Tensor, delta: torch.Tensor, is_first: torch.Tensor, **options: object
    ):
        first, middle = run(x[:5], w, delta, is_first[:5], **options)
        second, end = run(x[5:], w, middle, is_first[5:], **options)
        return torch.cat([first, second]), end

    assert_close(
        evaluate(in_two, case, torch.float32, input_softmax=True), truth(case, input_softmax=True), 2e-6
    )
    assert all(torch.equal(a, b) for a, b in zip(before, (case.x, case.w, case.delta), strict=True))


@pytest.mark.parametrize('shape', [(12, 33, 3, 16, 16)], ids=str)
def test_the_same_call_gives_the_same_bits(run: Callable, shape: tuple[int, ...]) -> None:
    """The released kernels add up with atomics, in whatever order threads arrive."""
    case = make_case(*shape, seed=6)
    torch.set_num_threads(4)
    first, *others = (evaluate(run, case, torch.float32, input_softmax=True) for _ in range(3))
    assert all(torch.equal(other[key], first[key]) for other in others for key in first)
