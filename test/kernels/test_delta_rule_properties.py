"""What must hold of the delta rule alone, and the published layer's golden vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from cases import error
from delta_rule_cases import make_case

from srwm.kernels import delta_rule
from srwm.kernels.dispatch import TABLE, Call

# float64, one head, batch 1, D = 4, three steps, from zero.
OUTPUTS = [
    [0.013899143, 0.005788999, -0.025361274, 0.044425943],
    [0.065509055, -0.048797961, 0.031110176, -0.012799721],
    [-0.016438879, 0.020553325, -0.024256396, 0.027473975],
]
END_ROW = [-0.040662612, 0.040038916, -0.038613841, 0.036415910]

IN_FLOAT64 = Call(
    device_type='cpu',
    device_index=None,
    dtype=torch.float64,
    weight_dtype=torch.float64,
    head_dim=4,
    output_dim=4,
    bptt='unroll',
    packed=False,
    differentiable=False,
)


@pytest.fixture
def run(variant: str) -> Callable:
    """`delta_rule` with the implementation of the variant forced."""
    served = {one.name: one for one in TABLE['delta_rule']}
    if variant not in served:
        pytest.skip(f'delta_rule has no {variant} implementation')
    if why := served[variant].refusal(IN_FLOAT64):
        pytest.skip(f'what holds here is checked in float64, and {variant} refuses: {why}')
    return functools.partial(delta_rule, implementation=variant)


def normalized_elu(z: torch.Tensor) -> torch.Tensor:
    positive = torch.nn.functional.elu(z) + 1
    return positive / positive.sum(-1, keepdim=True)


def test_outputs_equal_the_golden_vectors(run: Callable) -> None:
    t = torch.arange(3, dtype=torch.float64).reshape(3, 1, 1, 1)
    i = torch.arange(4, dtype=torch.float64)
    q, k = normalized_elu(torch.sin(1 + t + 2 * i)), normalized_elu(torch.cos(2 + 3 * t + i))
    v, beta = torch.sin(0.1 + 2 * t + 3 * i), torch.sigmoid(torch.sin(5 * t))[..., 0]
    o, end = run(q, k, v, beta)
    for found, expected in ((o.reshape(3, 4), OUTPUTS), (end[0, 0, 0], END_ROW)):
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9)


def test_a_memory_written_at_rate_one_under_unit_keys_returns_what_was_written_last(run: Callable) -> None:
    case = make_case(6, 2, 2, 8, 5, resets='none')
    keys = torch.eye(8, dtype=torch.float64)[torch.tensor([0, 3, 5, 3, 0, 7])]
    k = keys.reshape(6, 1, 1, 8).expand(6, 2, 2, 8)
    o, end = run(k, k, case.v, torch.ones_like(case.beta), case.fast_weights)
    assert error(o, case.v) <= 1e-15
    for row, step in ((0, 4), (3, 3), (5, 2), (7, 5)):
        assert error(end[:, :, row], case.v[step]) <= 1e-15
    assert torch.equal(end[:, :, [1, 2, 4, 6]], case.fast_weights[:, :, [1, 2, 4, 6]])


def test_a_rate_of_zero_only_reads(run: Callable) -> None:
    case = make_case(4, 2, 1, 5, 3, resets='none')
    o, end = run(case.q, case.k, case.v, torch.zeros_like(case.beta), case.fast_weights)
    assert error(o, torch.einsum('tbhk,bhkv->tbhv', case.q, case.fast_weights)) <= 1e-15
    assert torch.equal(end, case.fast_weights)


def test_outputs_are_causal_linear_attention_over_the_writes(run: Callable) -> None:
    case = make_case(23, 2, 2, 6, 7, resets='none', seed=12)
    o, end = run(*case.arguments())
    # The writes by the definition of the final state: one linear system for all steps at once (the WY form).
    scores = torch.einsum('tbhk,sbhk->bhts', case.k, case.k).tril(-1)
    beta = case.beta.permute(1, 2, 0).unsqueeze(-1)
    free = case.v.permute(1, 2, 0, 3) - torch.einsum('tbhk,bhkv->bhtv', case.k, case.fast_weights)
    unit = torch.eye(23, dtype=torch.float64)
    writes = torch.linalg.solve(unit + beta * scores, beta * free)
    attention = torch.einsum('tbhk,sbhk->bhts', case.q, case.k).tril()
    expected = torch.einsum('tbhk,bhkv->bhtv', case.q, case.fast_weights) + attention @ writes
    assert error(o, expected.permute(2, 0, 1, 3)) <= 1e-12
    assert error(end, case.fast_weights + torch.einsum('tbhk,bhtv->bhkv', case.k, writes)) <= 1e-12


def test_step_leaves_the_carried_state_without_a_gradient(run: Callable) -> None:
    case = make_case(11, 3, 2, 16, 16, seed=4)
    leaves = [t.float().requires_grad_() for t in case.tensors().values()]
    o, end = run(*leaves, case.is_first, bptt='step')
    assert o.requires_grad
    assert not end.requires_grad
    *grads, dstate = torch.autograd.grad(o, leaves, case.do.float(), allow_unused=True)
    assert all(grad.abs().min() > 0 for grad in grads)
    assert dstate is None or (dstate == 0).all()
