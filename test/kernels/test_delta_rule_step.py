"""`delta_rule_step_`, the step of acting: many of them equal the fused op, in place, without a copy or a gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import error
from delta_rule_cases import make_case

from srwm.kernels import KernelError, delta_rule, delta_rule_step_, explain
from srwm.kernels.dispatch import TABLE

# (B, H, K, V): rows shorter than a vector, of whole vectors, and with a rest.
SHAPES = [(1, 1, 1, 1), (3, 2, 3, 7), (4, 2, 16, 16), (2, 1, 16, 49), (1, 2, 20, 64), (1, 2, 32, 32), (1, 1, 64, 64),
          (0, 2, 16, 16)]  # fmt: skip


@pytest.fixture
def step(variant: str, acting: Callable) -> Callable:
    if variant not in {one.name for one in TABLE['delta_rule_step']}:
        pytest.skip(f'delta_rule_step_ has no {variant} implementation')
    return acting(delta_rule_step_)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('sizes', SHAPES, ids=str)
def test_steps_equal_the_fused_op(
    step: Callable, sizes: tuple[int, ...], dtype: torch.dtype, poisoned_memory: None
) -> None:
    case = make_case(9, *sizes, seed=1)
    expected, end = delta_rule(*case.arguments(), implementation='reference')
    q, k, v, beta, state, is_first = case.arguments(dtype)
    state = state.clone()
    outputs = [step(q[t], k[t], v[t], beta[t], state, is_first[t]) for t in range(9)]
    tolerance = 2e-6 if dtype == torch.float32 else 1e-13
    assert error(torch.stack(outputs), expected) <= tolerance
    assert error(state, end) <= tolerance


def test_the_state_and_the_output_may_be_views(step: Callable) -> None:
    case = make_case(1, 3, 2, 16, 16, seed=2)
    q, k, v, beta, state, is_first = case.arguments(torch.float32)
    wanted = state.clone()
    expected = step(q[0], k[0], v[0], beta[0], wanted, is_first[0])
    room = torch.full((2, 5, 16, 16), 7.0)
    view = room.transpose(0, 1)[1:4]
    view.copy_(state)
    rows = torch.full((4, 3, 2, 32), 7.0)
    found = step(q[0], k[0], v[0], beta[0], view, is_first[0], out=rows[2, :, :, :16])
    assert found.data_ptr() == rows[2].data_ptr()
    assert torch.equal(found, expected)
    assert torch.equal(view, wanted)
    assert (room[:, ::4] == 7).all()
    assert (rows[:2] == 7).all()
    assert (rows[..., 16:] == 7).all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_beside_a_float32_state(step: Callable, dtype: torch.dtype) -> None:
    case = make_case(1, 3, 2, 8, 20, seed=3)
    half = [getattr(case, name)[0].to(dtype) for name in case.sequences]
    state = case.fast_weights.float()
    wide = state.clone()
    o = step(*half, state)
    expected = step(*(t.float() for t in half), wide)
    assert torch.equal(o, expected.to(dtype))
    assert torch.equal(state, wide)


ARGUMENTS = {'q': (2, 1, 4), 'k': (2, 1, 4), 'v': (2, 1, 3), 'beta': (2, 1), 'fast_weights': (2, 1, 4, 3)}
BUFFER = torch.zeros(256)
WRONG = [
    ({'q': torch.zeros(2, 4)}, 'q must be [B,H,K] with K of at least 1, got [2, 4].'),
    ({'k': None}, 'k must be a tensor, got NoneType.'),
    ({'k': torch.zeros(2, 1, 3)}, 'k must be float32 [2, 1, 4], got float32 [2, 1, 3].'),
    ({'v': torch.zeros(2, 2, 3)}, 'v must be float32 [2, 1, 3], got float32 [2, 2, 3].'),
    ({'beta': torch.zeros(2, 1).double()}, 'beta must be float32 [2, 1], got float64 [2, 1].'),
    ({'fast_weights': torch.zeros(2, 1, 3, 4)}, 'fast_weights must be float32 [2, 1, 4, 3]'),
    ({'is_first': torch.zeros(2)}, 'is_first must be bool [2], got float32 [2].'),
    ({'out': torch.zeros(2, 1, 4)}, 'out must be float32 [2, 1, 3], got float32 [2, 1, 4].'),
    (
        {'v': torch.zeros(2, 1, 3).to_sparse()},
        'v must be a dense tensor (torch.strided), got a sparse_coo one.',
    ),
    ({'beta': torch.zeros(2, 1, device='meta')}, 'beta must lie on the device of q, cpu, got meta.'),
    ({'fast_weights': torch.zeros(1, 1, 4, 3).expand(2, -1, -1, -1)}, 'no memory in common with itself'),
    (
        {'q': BUFFER[:8].view(2, 1, 4), 'fast_weights': BUFFER[4:28].view(2, 1, 4, 3)},
        'fast_weights must share no memory with q, got one that does.',
    ),
]


@pytest.mark.parametrize(
    ('changes', 'message'), WRONG, ids=[f'{i}-{next(iter(c))}' for i, (c, _) in enumerate(WRONG)]
)
@pytest.mark.parametrize('implementation', ['reference', 'auto'])
def test_a_wrong_argument_is_named_and_nothing_is_written(
    implementation: str, changes: dict, message: str
) -> None:
    arguments: dict[str, object] = {key: torch.ones(shape) for key, shape in ARGUMENTS.items()}
    arguments['fast_weights'] = torch.zeros(ARGUMENTS['fast_weights'])
    arguments |= {'implementation': implementation} | changes
    with pytest.raises(KernelError) as raised:
        delta_rule_step_(**arguments)
    assert raised.value.code == 'KERNEL_ARGUMENT'
    assert message in raised.value.message
    state = arguments['fast_weights']
    assert isinstance(state, torch.Tensor)
    assert (state == 0).all()


@pytest.mark.parametrize('implementation', ['reference', 'auto'])
def test_the_output_cannot_be_an_input_itself(implementation: str) -> None:
    q, k, v, beta, state = (torch.zeros(shape) for shape in ARGUMENTS.values())
    with pytest.raises(KernelError, match='out must share no memory with v, got one that does'):
        delta_rule_step_(q, k, v, beta, state, out=v, implementation=implementation)


def test_it_refuses_to_drop_a_gradient_and_marks_the_state_as_changed(step: Callable) -> None:
    case = make_case(1, 2, 1, 4, 4)
    *inputs, kept, _ = case.arguments(torch.float32)
    inputs = [t[0] for t in inputs]
    state = kept.clone().requires_grad_()
    with pytest.raises(KernelError, match=r'require no gradient.* torch\.no_grad'):
        step(*inputs, state)
    before = kept._version
    with torch.inference_mode():
        step(*inputs, kept)
    assert kept._version > before


@pytest.mark.parametrize('name', ['cpu', 'reference'])
def test_opcheck_threads_and_explain(name: str) -> None:
    if name not in explained():
        pytest.skip('the compiled kernels are missing')
    case = make_case(1, 97, 2, 16, 16, seed=5)
    *inputs, state, is_first = case.arguments(torch.float32)
    inputs = [t[0] for t in inputs]
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        now = state.clone()
        results.append((delta_rule_step_(*inputs, now, is_first[0], implementation=name), now))
    assert name == 'reference' or all(
        torch.equal(a, b) for r in results for a, b in zip(r, results[0], strict=True)
    )
    op = getattr(torch.ops.delta_rule, f'step_{name}_').default
    torch.library.opcheck(op, (*inputs, state.clone(), is_first[0], torch.zeros(97, 2, 16)))


def explained() -> set[str]:
    found = explain('delta_rule_step', device='cpu')
    return {found.implementation, 'reference'}
