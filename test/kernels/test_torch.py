"""The ops inside torch's machinery: schemas, fake tensors, traced graphs, torch.compile, inference, autocast."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from cases import assert_close, evaluate, leaf
from ops import Op
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode


def raw(op: Op, name: str, implementation: str) -> Any:
    return getattr(getattr(torch.ops, op.name), f'{name}_{implementation}').default


class Recorder(TorchDispatchMode):
    """Keeps (op, arguments, results) of every call of our own ops."""

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.namespace = op.name
        self.calls: list[tuple[Any, tuple, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        results = func(*args, **(kwargs or {}))
        if func.namespace == self.namespace:
            self.calls.append((func, args, results))
        return results


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('carried', [False, True], ids=['fresh', 'carried'])
def test_opcheck_accepts_both_ops(op: Op, op_implementation: str, carried: bool, bptt: str) -> None:
    case = op.make_case(4, 2, 1, 3, 5, carried=carried)
    with Recorder(op) as recorder:
        evaluate(op.function, case, torch.float64, **op.defaults, bptt=bptt, implementation=op_implementation)
    (forward, inputs, _), (backward, arguments, _) = recorder.calls
    assert [forward, backward] == [raw(op, name, op_implementation) for name in ('forward', 'backward')]
    inputs = tuple(leaf(t, t.dtype) if is_floating(t) else t for t in inputs)
    torch.library.opcheck(forward, inputs)
    torch.library.opcheck(backward, tuple(t.detach() if is_floating(t) else t for t in arguments))


def is_floating(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def test_fake_tensors_have_the_shapes_of_real_ones(op: Op, op_implementation: str) -> None:
    case = op.make_case(4, 2, 3, 5, 7)
    options = {**op.defaults, 'implementation': op_implementation}
    real = op.function(*case.arguments(), **options)
    with FakeTensorMode() as mode:
        fake = op.function(*(mode.from_tensor(t) for t in case.arguments()), **options)
    assert [t.shape for t in fake] == [t.shape for t in real]


def test_meta_tensors_pass_through_auto(op: Op) -> None:
    case = op.make_case(4, 2, 3, 5, 7, carried=False, resets='none')
    inputs = [torch.empty_like(t, device='meta') for t in case.tensors().values()]
    y, end = op.function(*inputs, **op.defaults)
    expected = op.function(*case.tensors().values(), **op.defaults)
    assert [y.shape, end.shape] == [t.shape for t in expected]


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_a_traced_graph_holds_one_op_forward_and_one_backward(
    op: Op, op_implementation: str, bptt: str
) -> None:
    case = op.make_case(4, 2, 1, 3, 3)
    options = {**op.defaults, 'bptt': bptt, 'implementation': op_implementation}

    def gradient(first, *rest):
        *rest, dy = rest
        first = first.detach().requires_grad_()
        y, _ = op.function(first, *rest, **options)
        return torch.autograd.grad(y, first, dy)[0]

    inputs = (*case.arguments(), getattr(case, case.cotangents[0]))
    traced = make_fx(gradient)(*inputs)
    targets = [node.target for node in traced.graph.nodes if op.name in str(node.target)]
    assert targets == [raw(op, 'forward', op_implementation), raw(op, 'backward', op_implementation)]
    assert torch.equal(traced(*inputs), gradient(*inputs))


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
def test_compiles_as_one_full_graph_with_gradients(op: Op, op_implementation: str, bptt: str) -> None:
    # Every case compiles the same code anew, and torch gives one code only so many compilations.
    torch.compiler.reset()
    case = op.make_case(4, 2, 1, 3, 3)
    options = {**op.defaults, 'bptt': bptt, 'implementation': op_implementation}

    @torch.compile(fullgraph=True, backend='aot_eager', dynamic=False)
    def compiled(first, *rest, **options):
        y, end = op.function(first * 1.0, *rest, **options)
        return y * 1.0, end

    assert_close(
        evaluate(compiled, case, torch.float64, **options),
        evaluate(op.function, case, torch.float64, **options),
        1e-13,
    )


def test_compiles_with_the_implementation_left_to_dispatch(op: Op) -> None:
    case = op.make_case(4, 2, 1, 3, 3)
    compiled = torch.compile(op.function, fullgraph=True, backend='eager', dynamic=False)
    found = compiled(*case.arguments(), **op.defaults)
    expected = op.function(*case.arguments(), **op.defaults)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_runs_in_inference_mode_and_saves_nothing_without_gradients(op: Op, op_implementation: str) -> None:
    case = op.make_case(1, 4, 2, 16, 16)
    run = functools.partial(op.function, implementation=op_implementation, **op.defaults)
    expected = run(*case.arguments())
    with torch.inference_mode(), Recorder(op) as recorder:
        found = run(*case.arguments())
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not found[0].requires_grad
    ((_, _, results),) = recorder.calls
    assert results[2].numel() == 0


def test_autocast_keeps_the_state_in_float32(op: Op, op_implementation: str) -> None:
    case = op.make_case(3, 2, 1, 4, 4, carried=False, resets='none')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inputs = [getattr(case, name).bfloat16() for name in case.sequences]
        weights = [getattr(case, name).float() for name in case.weights]
        y, end = op.function(*inputs, *weights, implementation=op_implementation, **op.defaults)
    assert (y.dtype, end.dtype) == (torch.bfloat16, torch.float32)


def test_autocast_computes_in_full_precision_inside(op: Op, op_implementation: str) -> None:
    case = op.make_case(6, 2, 1, 8, 8)
    options = {**op.defaults, 'implementation': op_implementation}
    state = getattr(case, case.state)
    *inputs, is_first = case.carrying(None).arguments(torch.float32)
    rounded = op.function(*inputs[:-1], state.bfloat16().float(), is_first, **options)
    expected = evaluate(op.function, case, torch.float32, **options)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = evaluate(op.function, case, torch.float32, **options)
        half = op.function(*inputs[:-1], state.bfloat16(), is_first, **options)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert torch.equal(half[0], rounded[0])
