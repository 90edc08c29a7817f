"""No kernel's launch reads a value on the host, so that each can be captured in a CUDA graph; shown without a GPU."""

from __future__ import annotations

import functools
import importlib

import pytest
import torch
from cases import BaseCase
from ops import OPS, Op
from torch.utils._python_dispatch import TorchDispatchMode

from srwm.kernels import delta_rule_step_, nvrtc, srwm_step_
from srwm.kernels.dispatch import TABLE

aten = torch.ops.aten
READS = {
    aten._local_scalar_dense,
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten.is_nonzero,
    aten._unique2,
}
STEPS = {'srwm': srwm_step_, 'delta_rule': delta_rule_step_}


class NoReads(TorchDispatchMode):
    """Refuses every operation whose result the host must see; inside an op it sees them where that is called bare."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in READS:
            raise AssertionError(f'{func} reads a value on the host')
        return func(*args, **(kwargs or {}))


class Launches(list):
    """Stands in for a launcher: notes what each launch would run and on how large a grid."""

    def __call__(self, what: object, *arguments: object, **_: object) -> None:
        self.append((getattr(what, 'name', what), arguments[0]))


@functools.cache
def cuda_functions(name: str) -> tuple[Launches, object]:
    launches = Launches()
    module = importlib.import_module(f'srwm.kernels.{name}.cuda_op')
    return launches, module.define('cuda_unlaunched', 'cpu', launches)


def functions(name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Launches, object]:
    """Returns what the three ops of a form run, with every launch noted and none made."""
    if form == 'cuda':
        launches, found = cuda_functions(name)
        launches.clear()
        return launches, found
    launches = Launches()
    module = importlib.import_module(f'srwm.kernels.{name}.triton_launch')
    monkeypatch.setattr(module, 'launch', launches)
    if name == 'srwm':
        monkeypatch.setattr(module, 'sum_sequences', lambda partial: partial[0])
    return launches, module


def test_the_guard_sees_a_read() -> None:
    with pytest.raises(AssertionError, match='reads a value'), NoReads():
        torch.ones(1).item()


@pytest.mark.parametrize('size', [8, 64])
@pytest.mark.parametrize('bptt_step', [False, True], ids=['unroll', 'step'])
@pytest.mark.parametrize('form', ['cuda', 'triton'])
def test_both_passes_launch_the_same_grids_whatever_the_values_are(
    op: Op, form: str, bptt_step: bool, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    launches, run = functions(op.name, form, monkeypatch)
    case = op.make_case(9, 1, 2, size, size)
    state = getattr(op.make_case(1, 3, 2, size, size), case.state).float()
    *inputs, _, is_first = case.arguments(torch.float32)
    dy = getattr(case, case.cotangents[0]).float()
    seen = []
    for lengths, resets in (([0, 2, 5, 9], is_first), ([0, 0, 9, 9], ~is_first)):
        launches.clear()
        cu_seqlens = torch.tensor(lengths, dtype=torch.int32)
        with NoReads():
            if op.name == 'srwm':
                y, end, saved = run.forward(*inputs, state, resets, cu_seqlens, True, bptt_step, True, 0)
                arguments = (*inputs, state, end, resets, cu_seqlens, saved, True, bptt_step, True, 0)
            else:
                y, end, saved = run.forward(*inputs, state, resets, cu_seqlens, bptt_step, True)
                arguments = (*inputs, state, resets, cu_seqlens, saved, bptt_step, True)
            gradients = run.backward(dy, torch.zeros_like(end), *arguments)
        seen.append((list(launches), [t.shape for t in (y, end, saved, *gradients)]))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) >= 2


@pytest.mark.parametrize('form', ['cuda', 'triton'])
def test_the_step_of_acting_reads_nothing_and_is_one_launch(
    op: Op, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launches, run = functions(op.name, form, monkeypatch)
    # The op checks memory that it writes; that looks at addresses and shapes only.
    arguments = step_arguments(op.make_case(1, 3, 2, 16, 16))
    with NoReads():
        run.step_(*arguments)
    assert len(launches) == 1


def step_arguments(case: BaseCase) -> list:
    *inputs, is_first = case.arguments(torch.float32)
    count = len(case.sequences)
    out = torch.zeros_like(getattr(case, case.cotangents[0])[0]).float()
    options = [True] if type(case).__module__.startswith('srwm') else []
    return [*(t[0] for t in inputs[:count]), *inputs[count:], is_first[0], *options, out]


@pytest.mark.gpu
@pytest.mark.parametrize('implementation', ['cuda', 'triton'])
@pytest.mark.parametrize('acting', [False, True], ids=['both-passes', 'step'])
def test_a_cuda_graph_replays_on_new_inputs(op: Op, implementation: str, acting: bool) -> None:
    if nvrtc.missing():
        pytest.skip(f'{nvrtc.missing()}: run pytest -m gpu where torch finds one')
    if acting:
        run = functools.partial(STEPS[op.name], implementation=implementation)
        *inputs, out = (
            t if isinstance(t, bool) else t.cuda() for t in step_arguments(op.make_case(1, 4, 2, 16, 16))
        )
        options = {'input_softmax': inputs.pop()} if op.name == 'srwm' else {}
        options['out'] = out
    else:
        case = op.make_case(8, 4, 2, 16, 16)
        run = functools.partial(op.function, implementation=implementation)
        inputs, options = [t.cuda() for t in case.arguments(torch.float32)[:-1]], dict(op.defaults)
        inputs.append(case.is_first.cuda())
    with torch.no_grad():
        kept = [t.clone() for t in inputs]
        run(*inputs, **options)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = run(*inputs, **options)
        for here, old in zip(inputs, kept, strict=True):
            here.copy_(old)
        inputs[0].copy_(kept[0].flip(0))
        kept[0] = inputs[0].clone()
        graph.replay()
        expected = run(
            *kept, **{key: value.clone() if key == 'out' else value for key, value in options.items()}
        )
    first = lambda result: result if isinstance(result, torch.Tensor) else result[0]  # noqa: E731
    assert torch.equal(first(found), first(expected))


def test_every_gpu_form_is_in_the_table() -> None:
    for name in OPS:
        for row in (name, f'{name}_step'):
            assert {'cuda', 'triton'} <= {one.name for one in TABLE[row]}
