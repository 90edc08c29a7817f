"""The ops inside torch's machinery: schemas, fake tensors, traced graphs, torch.compile, inference."""

from __future__ import annotations

import pytest
import torch
from srwm_cases import assert_close, evaluate, make_case
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from srwm.kernels import srwm


def op(name: str, implementation: str):
    return getattr(torch.ops.srwm, f'{name}_{implementation}').default


@pytest.mark.parametrize('step', [False, True], ids=['unroll', 'step'])
@pytest.mark.parametrize('carried', [False, True], ids=['fresh', 'carried'])
def test_opcheck_accepts_both_ops(implementation: str, carried: bool, step: bool) -> None:
    case = make_case(4, 2, 1, 3, 5, carried=carried)
    srwm(case.x, case.w, input_softmax=True, implementation=implementation)
    x, w = case.x.clone().requires_grad_(), case.w.clone().requires_grad_()
    forward = op('forward', implementation)
    torch.library.opcheck(forward, (x, w, case.delta, case.is_first, None, True, step, True, 0))
    _, end, saved = forward(case.x, case.w, case.delta, case.is_first, None, True, step, True, 0)
    args = (
        case.dy,
        None,
        case.x,
        case.w,
        case.delta,
        end,
        case.is_first,
        None,
        saved,
        True,
        step,
        carried,
        0,
    )
    torch.library.opcheck(op('backward', implementation), args)


def test_fake_tensors_have_the_shapes_of_real_ones(implementation: str) -> None:
    case = make_case(4, 2, 3, 5, 7)
    options = {'input_softmax': True, 'implementation': implementation}
    real = srwm(case.x, case.w, case.delta, case.is_first, **options)
    with FakeTensorMode() as mode:
        inputs = [mode.from_tensor(t) for t in (case.x, case.w, case.delta, case.is_first)]
        fake = srwm(*inputs, **options)
    assert [t.shape for t in fake] == [t.shape for t in real]


def test_meta_tensors_pass_through_auto() -> None:
    x, w = torch.empty(4, 2, 3, 5, device='meta'), torch.empty(3, 5, 21, device='meta')
    y, delta = srwm(x, w, input_softmax=True)
    assert y.shape == (4, 2, 3, 7)
    assert delta.shape == (2, 3, 5, 21)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_a_traced_graph_holds_one_op_forward_and_one_backward(implementation: str, bptt: str) -> None:
    case = make_case(4, 2, 1, 3, 3)

    def gradient(x, w, delta, is_first, dy):
        x = x.detach().requires_grad_()
        y, _ = srwm(x, w, delta, is_first, input_softmax=True, bptt=bptt, implementation=implementation)
        return torch.autograd.grad(y, x, dy)[0]

    inputs = (case.x, case.w, case.delta, case.is_first, case.dy)
    traced = make_fx(gradient)(*inputs)
    targets = [node.target for node in traced.graph.nodes if 'srwm' in str(node.target)]
    assert targets == [op('forward', implementation), op('backward', implementation)]
    assert torch.equal(traced(*inputs), gradient(*inputs))


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_compiles_as_one_full_graph_with_gradients(implementation: str, bptt: str) -> None:
    case = make_case(4, 2, 1, 3, 3)
    options = {'input_softmax': True, 'bptt': bptt, 'implementation': implementation}

    @torch.compile(fullgraph=True, backend='aot_eager', dynamic=False)
    def compiled(x, w, delta, is_first, **options):
        y, end = srwm(x * 1.0, w, delta, is_first, **options)
        return y * 1.0, end

    assert_close(
        evaluate(compiled, case, torch.float64, **options),
        evaluate(srwm, case, torch.float64, **options),
        1e-13,
    )


def test_compiles_with_the_implementation_left_to_dispatch() -> None:
    case = make_case(4, 2, 1, 3, 3)
    compiled = torch.compile(srwm, fullgraph=True, backend='eager', dynamic=False)
    found = compiled(case.x, case.w, case.delta, case.is_first, input_softmax=True)
    expected = srwm(case.x, case.w, case.delta, case.is_first, input_softmax=True)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_runs_in_inference_mode_and_saves_nothing_without_gradients(implementation: str) -> None:
    case = make_case(1, 4, 2, 16, 16)
    expected = srwm(
        case.x, case.w, case.delta, case.is_first, input_softmax=True, implementation=implementation
    )
    with torch.inference_mode():
        found = srwm(
            case.x, case.w, case.delta, case.is_first, input_softmax=True, implementation=implementation
        )
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not found[0].requires_grad
    saved = op('forward', implementation)(case.x, case.w, None, None, None, True, False, False, 0)[2]
    assert saved.numel() == 0


def test_autocast_keeps_the_state_in_float32(implementation: str) -> None:
    case = make_case(3, 2, 1, 4, 4)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        x = torch.nn.functional.linear(case.x.float(), torch.eye(4))
        y, delta = srwm(x, case.w.float(), input_softmax=True, implementation=implementation)
    assert (x.dtype, y.dtype, delta.dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)


def test_autocast_computes_in_full_precision_inside(implementation: str) -> None:
    case = make_case(6, 2, 1, 8, 8)
    options = {'input_softmax': True, 'implementation': implementation}
    expected = evaluate(srwm, case, torch.float32, **options)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = evaluate(srwm, case, torch.float32, **options)
        half = srwm(case.x.float(), case.w.bfloat16(), case.delta.bfloat16(), case.is_first, **options)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    rounded = (case.w.bfloat16().float(), case.delta.bfloat16().float())
    assert torch.equal(half[0], srwm(case.x.float(), *rounded, case.is_first, **options)[0])
