"""What must hold of the self-referential weight matrix alone; test_properties.py has what every op shares."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from ops import Precision
from srwm_cases import Case, assert_close, error, evaluate, make_case, truth


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


def test_one_step_reads_y_from_the_slow_weights_and_rates_near_zero_change_nothing(
    run: Callable, precision: Precision
) -> None:
    case = make_case(5, 2, 1, 5, 5, carried=False, resets='none', seed=7)
    x, w = case.x.to(precision.dtype), case.w.to(precision.dtype)
    expected = torch.einsum('tbhd,hdy->tbhy', x.double(), w[..., :5].double())
    y, _ = run(x[:1], w, input_softmax=False)
    exact = 1e-14 if precision.dtype == torch.float64 else precision.tolerance / 10
    assert error(y, expected[:1]) <= exact
    x = torch.cat([x[..., :4], torch.ones_like(x[..., :1])], dim=-1)
    w[..., 4, -4:] = -1e3
    y, delta = run(x, w, input_softmax=False)
    assert error(y, torch.einsum('tbhd,hdy->tbhy', x.double(), w[..., :5].double())) <= precision.tolerance
    assert delta.abs().max() <= precision.tolerance


@pytest.mark.parametrize('large', [200.0, 3e4])
def test_large_logits_saturate_without_overflow(run: Callable, large: float) -> None:
    case = make_case(6, 2, 1, 16, 16, resets='none', carried=False, seed=3)
    big = Case(x=case.x * large, w=case.w, delta=None, is_first=None, dy=case.dy, ddelta=case.ddelta)
    found = evaluate(run, big, torch.float32, input_softmax=True)
    assert all(value.isfinite().all() for value in found.values())
    assert_close(found, truth(big, input_softmax=True), 1e-3)


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
