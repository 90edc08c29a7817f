"""`srwm_step_`, the step of acting: many of them equal the fused op, in place, without a copy or a gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import error
from srwm_cases import make_case

from srwm.kernels import KernelError, explain, srwm, srwm_step_
from srwm.kernels.dispatch import TABLE
from srwm.kernels.srwm import cpu_op


def needs_step(implementation: str) -> None:
    if implementation not in {one.name for one in TABLE['srwm_step']}:
        pytest.skip(f'srwm_step has no {implementation} implementation')


# (B, H, D, Y): rows shorter than a vector, of whole vectors, and with a rest.
SHAPES = [(1, 1, 1, 1), (3, 1, 3, 2), (2, 3, 5, 7), (3, 2, 8, 8), (4, 2, 16, 16), (2, 1, 16, 49), (2, 1, 6, 4),
          (1, 2, 20, 20), (2, 1, 28, 28), (1, 2, 32, 32), (1, 1, 64, 64), (1, 1, 128, 128), (0, 2, 16, 16)]  # fmt: skip


@pytest.fixture
def step(variant: str, acting: Callable) -> Callable:
    needs_step(variant)
    return acting(srwm_step_)


@pytest.mark.parametrize('input_softmax', [True, False], ids=['softmax', 'raw'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize('sizes', SHAPES, ids=str)
def test_steps_equal_the_fused_op(
    step: Callable, sizes: tuple[int, ...], dtype: torch.dtype, input_softmax: bool, poisoned_memory: None
) -> None:
    batch, heads, head_dim, y_dim = sizes
    case = make_case(9, batch, heads, head_dim, y_dim, seed=1)
    expected, end = srwm(
        case.x, case.w, case.delta, case.is_first, input_softmax=input_softmax, implementation='reference'
    )
    x, w, state = case.x.to(dtype), case.w.to(dtype), case.delta.to(dtype, copy=True)
    first = state
    ys = [step(x[t], w, state, case.is_first[t], input_softmax=input_softmax) for t in range(9)]
    assert state is first
    tolerance = 2e-6 if dtype == torch.float32 else 1e-13
    assert error(torch.stack(ys), expected) <= tolerance
    assert error(w + state, case.w + end) <= tolerance


def test_the_state_and_the_output_may_be_views(step: Callable) -> None:
    case = make_case(1, 3, 2, 16, 16, seed=2)
    x, w, state = case.x[0].float(), case.w.float(), case.delta.float()
    expected_state = state.clone()
    expected = step(x, w, expected_state, case.is_first[0], input_softmax=True)
    room = torch.full((2, 5, 16, 52), 7.0)
    view = room.transpose(0, 1)[1:4]
    view.copy_(state)
    rows = torch.full((4, 3, 2, 32), 7.0)
    found = step(
        x.transpose(0, 1).contiguous().transpose(0, 1),
        w,
        view,
        case.is_first[0],
        input_softmax=True,
        out=rows[2, :, :, :16],
    )
    assert found.data_ptr() == rows[2].data_ptr()
    assert torch.equal(found, expected)
    assert torch.equal(view, expected_state)
    assert (room[:, ::4] == 7).all()
    assert (rows[:2] == 7).all()
    assert (rows[..., 16:] == 7).all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_beside_a_float32_state(step: Callable, dtype: torch.dtype) -> None:
    case = make_case(1, 3, 2, 8, 8, seed=3)
    x, w, state = case.x[0].to(dtype), case.w.float(), case.delta.float()
    wide = state.clone()
    y = step(x, w, state, input_softmax=True)
    expected = step(x.float(), w, wide, input_softmax=True)
    assert torch.equal(y, expected.to(dtype))
    assert torch.equal(state, wide)


def test_a_bad_number_stays_in_its_chain_and_ends_at_its_reset(step: Callable) -> None:
    case = make_case(2, 2, 2, 16, 16, seed=4)
    x, w, state = case.x.float(), case.w.float(), case.delta.float()
    x[0, 1, 0, 3] = float('nan')
    step(x[0], w, state, input_softmax=True)
    assert state[1, 0].isnan().any()
    assert state[0].isfinite().all()
    assert state[1, 1].isfinite().all()
    step(x[1], w, state, torch.tensor([False, True]), input_softmax=True)
    assert state.isfinite().all()


@pytest.fixture
def implementation(implementation: str) -> str:
    needs_step(implementation)
    return implementation


ARGUMENTS = {'x': (2, 1, 4), 'w': (1, 4, 16), 'fast_weight_delta': (2, 1, 4, 16)}
BUFFER = torch.zeros(256)


def view(*shape: int, start: int = 0) -> torch.Tensor:
    count = torch.Size(shape).numel()
    return BUFFER[start : start + count].view(shape)


WRONG = [
    ({'x': torch.zeros(2, 4)}, 'x must be [B,H,D], got [2, 4].'),
    ({'x': None}, 'x must be a tensor, got NoneType.'),
    ({'w': torch.zeros(1, 3, 16)}, 'w must be [1,4,Y+12] to fit x [2, 1, 4], got [1, 3, 16].'),
    ({'w': torch.zeros(1, 4, 16).half()}, 'w must be float32 or float64, got float16.'),
    (
        {'fast_weight_delta': torch.zeros(3, 1, 4, 16)},
        'fast_weight_delta must be [2, 1, 4, 16], got [3, 1, 4, 16].',
    ),
    (
        {'fast_weight_delta': torch.zeros(2, 1, 4, 16).double()},
        "fast_weight_delta must have w's dtype float32, got float64.",
    ),
    ({'is_first': torch.zeros(3, dtype=torch.bool)}, 'is_first must be bool [2], got bool [3].'),
    ({'is_first': torch.zeros(2)}, 'is_first must be bool [2], got float32 [2].'),
    ({'out': torch.zeros(2, 1, 5)}, 'out must be float32 [2, 1, 4], got float32 [2, 1, 5].'),
    ({'input_softmax': 'yes'}, "input_softmax must be a bool, got 'yes'."),
    (
        {'fast_weight_delta': torch.zeros(1, 1, 4, 16).expand(2, -1, -1, -1)},
        'fast_weight_delta must have its last two dimensions dense and no memory in common with itself',
    ),
    (
        {'fast_weight_delta': torch.zeros(2, 1, 16, 4).transpose(2, 3)},
        'fast_weight_delta must have its last two dimensions dense',
    ),
    ({'out': torch.zeros(1, 1, 4).expand(2, -1, -1)}, 'out must have its last dimension dense'),
    (
        {'x': view(2, 1, 4), 'fast_weight_delta': view(2, 1, 4, 16, start=4)},
        'fast_weight_delta must share no memory with x, got one that does.',
    ),
    (
        {'x': torch.zeros(2, 1, 4).to_sparse()},
        'x must be a dense tensor (torch.strided), got a sparse_coo one.',
    ),
    ({'w': torch.zeros(1, 4, 16, device='meta')}, 'w must lie on the device of x, cpu, got meta.'),
    ({'x': view(2, 1, 4), 'out': view(2, 1, 4)}, 'out must share no memory with x, got one that does.'),
    (
        {'fast_weight_delta': view(2, 1, 4, 16), 'out': view(2, 1, 4, start=120)},
        'fast_weight_delta must share no memory with out, got one that does.',
    ),
]


@pytest.mark.parametrize(
    ('changes', 'message'), WRONG, ids=[f'{i}-{next(iter(c))}' for i, (c, _) in enumerate(WRONG)]
)
def test_a_wrong_argument_is_named_and_nothing_is_written(
    implementation: str, changes: dict, message: str
) -> None:
    arguments: dict[str, object] = {key: torch.zeros(shape) for key, shape in ARGUMENTS.items()}
    arguments['w'] = torch.ones(ARGUMENTS['w'])
    arguments |= {'input_softmax': True, 'implementation': implementation} | changes
    with pytest.raises(KernelError) as raised:
        srwm_step_(**arguments)
    assert raised.value.code == 'KERNEL_ARGUMENT'
    assert f'srwm_step_: {message}' in raised.value.message
    state = arguments['fast_weight_delta']
    assert not isinstance(state, torch.Tensor) or (state == 0).all()


def test_the_output_cannot_be_an_input_itself(implementation: str) -> None:
    x, w, state = (torch.zeros(shape) for shape in ARGUMENTS.values())
    with pytest.raises(KernelError, match='out must share no memory with x, got one that does'):
        srwm_step_(x, w, state, input_softmax=True, out=x, implementation=implementation)


def test_it_refuses_to_drop_a_gradient_and_marks_the_state_as_changed(implementation: str) -> None:
    case = make_case(1, 2, 1, 4, 4)
    w = case.w.clone().requires_grad_()
    state = case.delta.clone()
    with pytest.raises(KernelError, match=r'require no gradient.* torch\.no_grad'):
        srwm_step_(case.x[0], w, state, input_softmax=True, implementation=implementation)
    x = case.x.clone().requires_grad_()
    y, _ = srwm(x, case.w, state, input_softmax=True, implementation=implementation)
    with torch.no_grad():
        srwm_step_(case.x[0], w, state, input_softmax=True, implementation=implementation)
    with pytest.raises(RuntimeError, match='modified by an inplace operation'):
        y.sum().backward()


def test_it_runs_in_inference_mode_on_states_of_either_kind(implementation: str) -> None:
    case = make_case(1, 2, 1, 4, 4)
    normal = case.delta.clone()
    with torch.inference_mode():
        inference = case.delta.clone()
        for state in (normal, inference):
            srwm_step_(case.x[0], case.w, state, input_softmax=True, implementation=implementation)
    assert torch.equal(normal, inference)
    assert not torch.equal(normal, case.delta)


def test_the_bits_do_not_depend_on_threads_or_the_batch_around(implementation: str) -> None:
    case = make_case(1, 97, 3, 16, 16, seed=5)
    x, w = case.x[0].float(), case.w.float()
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        state = case.delta.float()
        results.append((srwm_step_(x, w, state, input_softmax=True, implementation=implementation), state))
    for y, state in results:
        assert torch.equal(y, results[0][0])
        assert torch.equal(state, results[0][1])


def test_opcheck_and_one_full_graph(implementation: str) -> None:
    case = make_case(1, 2, 1, 5, 3)
    op = getattr(torch.ops.srwm, f'step_{implementation}_').default
    out = torch.zeros(2, 1, 3, dtype=torch.float64)
    torch.library.opcheck(op, (case.x[0], case.w, case.delta.clone(), case.is_first[0], True, out))

    @torch.compile(fullgraph=True, backend='aot_eager', dynamic=False)
    def compiled(x, w, state):
        return srwm_step_(x * 1.0, w, state, input_softmax=True, implementation=implementation) * 1.0

    found, expected = case.delta.clone(), case.delta.clone()
    y = compiled(case.x[0], case.w, found)
    assert torch.equal(
        y, srwm_step_(case.x[0], case.w, expected, input_softmax=True, implementation=implementation)
    )
    assert torch.equal(found, expected)


def test_explain_knows_it() -> None:
    assert explain('srwm_step', device='cpu').implementation == ('reference' if cpu_op.missing() else 'cpu')
    assert explain('srwm_step', device='cuda').refused['cpu'] == 'it runs on cpu tensors, got cuda'
