"""The Triton form beside the conformance suite: how it launches, what its machine code holds, and tests for a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from cases import BaseCase, assert_close, evaluate, truth
from ops import Op
from torch.utils._python_dispatch import TorchDispatchMode

gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available() or os.environ.get('TRITON_INTERPRET') == '1',
        reason='needs a CUDA or ROCm GPU: there, run `pytest -m gpu test/kernels` without TRITON_INTERPRET',
    ),
]


class NoHostReads(TorchDispatchMode):
    """Fails where a tensor's value becomes a Python number, which would wait for a device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func not in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default), func
        return func(*args, **(kwargs or {}))


def test_the_guard_sees_a_host_read() -> None:
    with pytest.raises(AssertionError), NoHostReads():
        torch.ones(1).item()


def test_a_launch_reads_no_value_and_allocates_the_same_shapes_for_any_lengths(
    op: Op, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    launch = importlib.import_module(f'srwm.kernels.{op.name}.triton_launch')
    programs = []
    monkeypatch.setattr(launch, 'launch', lambda kernel, count, *_, **__: programs.append(count))
    if op.name == 'srwm':
        monkeypatch.setattr(launch, 'sum_sequences', lambda partial: partial[0])
    case = op.make_case(9, 1, 2, 8, 8)
    state = getattr(op.make_case(1, 3, 2, 8, 8), case.state)
    *sequences, _, is_first = case.arguments(torch.float32)
    options = (True, False, True, 0) if op.name == 'srwm' else (False, True)
    shapes = []
    for lengths in ([0, 2, 5, 9], [0, 0, 9, 9]):
        cu_seqlens = torch.tensor(lengths, dtype=torch.int32)
        with NoHostReads():
            outputs = launch.forward(*sequences, state.float(), is_first, cu_seqlens, *options)
        shapes.append([t.shape for t in outputs])
    assert shapes[0] == shapes[1]
    assert programs == [6, 6]


# What CI compiles; `python -m srwm.kernels.triton_static` compiles everything.
COMPILED = ['srwm/forward/16', 'srwm/backward/16',
            'delta_rule/forward/16', 'delta_rule/columns/16', 'delta_rule/rows/16']  # fmt: skip


def test_machine_code_keeps_to_the_table_on_every_architecture() -> None:
    environment = {key: value for key, value in os.environ.items() if key != 'TRITON_INTERPRET'}
    command = [sys.executable, '-m', 'srwm.kernels.triton_static', '--kernels', *COMPILED]
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert finished.returncode == 0, finished.stderr
    reports = json.loads(finished.stdout)
    assert {(r['kernel'], r['architecture']) for r in reports} == {
        (kernel, architecture)
        for kernel in COMPILED
        for architecture in ('sm_80', 'sm_90', 'sm_100', 'gfx942')
    }
    assert all(r['instructions'] > 30 for r in reports)
    assert [r for r in reports if r['violations']] == []


class TestOnGpu:
    pytestmark = gpu

    @pytest.mark.parametrize('head_dim', [1, 8, 16, 20, 32, 64, 128])
    def test_outputs_and_gradients_agree_with_the_float64_loop(self, op: Op, head_dim: int) -> None:
        case = op.make_case(33, 5, 3, head_dim, head_dim)
        assert_close(
            evaluate(moved(op), case, torch.float32, **op.defaults), truth(case, **op.defaults), 2e-6
        )

    def test_every_run_gives_the_same_bits(self, op: Op) -> None:
        case = op.make_case(51, 64, 8, 16, 16)
        first, second = (evaluate(moved(op), case, torch.float32, **op.defaults) for _ in range(2))
        assert all(torch.equal(first[key], second[key]) for key in first)

    def test_a_captured_graph_replays_on_new_inputs(self, op: Op) -> None:
        inputs = on_device(op.make_case(17, 4, 2, 16, 16, seed=1))
        other = on_device(op.make_case(17, 4, 2, 16, 16, seed=2))
        run = lambda: op.function(*inputs, implementation='triton', **op.defaults)  # noqa: E731
        run()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = run()
        for old, new in zip(inputs, other, strict=True):
            old.copy_(new)
        graph.replay()
        expected = op.function(*other, implementation='triton', **op.defaults)
        assert all(torch.equal(a, b) for a, b in zip(outputs, expected, strict=True))

    def test_work_lands_on_the_current_stream(self, op: Op) -> None:
        inputs = on_device(op.make_case(17, 4, 2, 16, 16))
        expected = op.function(*inputs, implementation='triton', **op.defaults)
        torch.cuda.synchronize()
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            torch.cuda._sleep(10_000_000)
            late = [t.clone() for t in inputs]
            found = op.function(*late, implementation='triton', **op.defaults)
        stream.synchronize()
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))

    @pytest.mark.skipif(torch.cuda.device_count() < 2, reason='needs two GPUs')
    def test_a_tensor_of_another_device_is_served_there(self, op: Op) -> None:
        inputs = [t.to('cuda:1') for t in on_device(op.make_case(5, 2, 1, 16, 16))]
        found = op.function(*inputs, implementation='triton', **op.defaults)
        assert {t.device.index for t in found} == {1}

    def test_compiles_in_one_graph_with_inductor(self, op: Op) -> None:
        case = op.make_case(9, 2, 2, 16, 16)
        compiled = torch.compile(moved(op), fullgraph=True, dynamic=False)
        found = evaluate(compiled, case, torch.float32, **op.defaults)
        assert_close(found, evaluate(moved(op), case, torch.float32, **op.defaults), 1e-6)

    def test_auto_takes_a_kernel_and_not_the_reference(self, op: Op) -> None:
        from srwm.kernels import explain

        assert explain(op.name, device='cuda').implementation in ('cuda', 'triton')


def on_device(case: BaseCase) -> list[torch.Tensor]:
    return [t.cuda() for t in case.arguments(torch.float32)[:-1]] + [case.is_first.cuda()]


def moved(op: Op) -> Callable:
    """The op by its Triton form on a GPU, called with tensors of the CPU."""

    def function(*inputs: torch.Tensor | None, **options: object) -> tuple[torch.Tensor, ...]:
        there = [None if t is None else t.cuda() for t in inputs]
        return tuple(t.cpu() for t in op.function(*there, implementation='triton', **options))

    return function
