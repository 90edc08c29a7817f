"""The CUDA kernels without a GPU: what they take of one, what the emulator catches, and how torch sees the ops."""

from __future__ import annotations

import functools
import subprocess
import sys

import emulated
import pytest
import torch
import variant as emulated_variant
from cases import assert_close, evaluate, truth
from srwm_cases import make_case

from srwm.kernels import KernelError, explain, nvrtc, srwm
from srwm.kernels.cuda_ceilings import Ceiling, ceilings
from srwm.kernels.cuda_launch import blocks
from srwm.kernels.cuda_resources import resources
from srwm.kernels.dispatch import TABLE, Implementation
from srwm.kernels.srwm import cuda_op
from srwm.kernels.srwm.cuda_plan import Plan

OPTIONS = {'input_softmax': True}
# The paper's size on every architecture, the others, which take the compiler long, on one; the bench row has all.
CHECKED = [
    (row, arch)
    for row in ceilings()
    for arch in ('sm_80', 'sm_90', 'sm_100')
    if ('_16_16_' in row.program.name and row.program.op == 'srwm')
    or (arch == 'sm_90' and '_backward_64_' not in row.program.name)
]


@pytest.mark.parametrize(('row', 'arch'), CHECKED, ids=lambda v: v if isinstance(v, str) else v.program.name)
def test_kernels_stay_below_their_ceilings(row: Ceiling, arch: str) -> None:
    found = resources(row.program, arch)
    assert found.registers <= row.registers
    assert found.spilled_bytes == 0
    assert found.local == 0
    assert found.atomics == 0
    assert bool(found.barriers) == row.barriers


def test_the_opcode_count_would_see_a_barrier_an_atomic_and_local_memory() -> None:
    line = """
extern "C" __global__ void seen(float* p, int i) {
  __shared__ float s[64];
  volatile float a[64];
  for (int j = 0; j < 64; j++) a[j] = p[j];
  s[threadIdx.x] = a[i];
  __syncthreads();
  atomicAdd(p, s[i]);
}"""
    found = resources(nvrtc.Program(op='srwm', header='simt.cuh', name='seen', line=line), 'sm_90')
    assert found.barriers == 1
    assert found.atomics == 1
    assert found.local > 1
    assert found.shared_bytes == 256


@pytest.mark.parametrize(
    ('size', 'missing', 'message'),
    [
        ((16, 16), 'sync_team<Warps>();\n    if (warp == Warps - 1) {\n      make_x', 'a race'),
        ((16, 16), 'sync_team<Warps>();\n\n    if (Warps > 1 && a.softmax', 'a race'),
        ((32, 32), 'sync_team<Warps>();\n      softmax_dot', 'a race'),
        ((16, 16), 'dx = sum_lanes<1, PARTS>(dx);\n', None),
    ],
    ids=['forward-barrier', 'backward-barrier', 'barrier-of-the-dot-products', 'a-sum-over-lanes'],
)
def test_the_emulator_sees_what_a_gpu_might_not(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], missing: str, message: str | None
) -> None:
    """Takes one line out of the kernels: a barrier is reported as a race, another line gives wrong numbers."""
    kept = missing[missing.index('\n') :] if message else ''
    name = f'cuda_emulated_without_{abs(hash((size, missing)))}'

    def launch(program: nvrtc.Program, *arguments: object) -> None:
        text = missing if 'backward' in program.name or 'make_x' in missing else ''
        if text and ('forward' in program.name) != ('make_x' in missing):
            text = ''
        emulated.launch(program, *arguments, without=text, instead=kept)

    cuda_op.define(name, 'cpu', launch)
    row = Implementation(name=name, refusal=cuda_op.size_refusal, describe=lambda: name)
    monkeypatch.setitem(TABLE, 'srwm', (*TABLE['srwm'], row))
    case = make_case(5, 1, 1, *size, seed=3)
    run = functools.partial(srwm, implementation=name)
    if message is None:
        with pytest.raises(AssertionError, match='relative errors'):
            assert_close(evaluate(run, case, torch.float32, **OPTIONS), truth(case, **OPTIONS), 2e-6)
    else:
        with pytest.raises(RuntimeError, match=message):
            evaluate(run, case, torch.float32, **OPTIONS)


def test_the_order_of_lanes_and_warps_changes_no_bit() -> None:
    case = make_case(4, 2, 1, 20, 7, seed=4)
    results = []
    for seed in (1, 2):
        name = f'cuda_emulated_seed_{seed}'
        cuda_op.define(name, 'cpu', functools.partial(emulated.launch, seed=seed))
        op = getattr(torch.ops.srwm, f'forward_{name}').default
        x, w, delta = (t.float() for t in (case.x, case.w, case.delta))
        results.append(op(x, w, delta, case.is_first, None, True, False, False, 0)[:2])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_many_chains_share_blocks_and_few_spread() -> None:
    assert blocks(256, 1) == (256, 32)
    assert blocks(2049, 1) == (513, 128)
    assert blocks(2049, 4) == (2049, 128)
    case = make_case(2, 131, 4, 3, 3, seed=5)
    with emulated_variant.emulation() as name:
        found = evaluate(functools.partial(srwm, implementation=name), case, torch.float32, **OPTIONS)
    assert_close(found, truth(case, **OPTIONS), 2e-6)


@pytest.mark.parametrize('step', [False, True], ids=['unroll', 'step'])
def test_opcheck_accepts_both_ops(step: bool) -> None:
    emulated_variant.define()
    case = make_case(4, 2, 1, 16, 16)
    x, w, delta, dy = (t.float() for t in (case.x, case.w, case.delta, case.dy))
    forward = torch.ops.srwm.forward_cuda_emulated.default
    torch.library.opcheck(
        forward,
        (
            x.clone().requires_grad_(),
            w.clone().requires_grad_(),
            delta,
            case.is_first,
            None,
            True,
            step,
            True,
            0,
        ),
    )
    _, end, saved = forward(x, w, delta, case.is_first, None, True, step, True, 0)
    arguments = (dy, None, x, w, delta, end, case.is_first, None, saved, True, step, True, 0)
    torch.library.opcheck(torch.ops.srwm.backward_cuda_emulated.default, arguments)


def test_sizes_that_do_not_fit_say_what_could_serve() -> None:
    assert Plan(head_dim=64, output_dim=64).refusal(differentiable=True, step=False) == ''
    assert 'head dims up to 64, got 65' in Plan(head_dim=65, output_dim=1).refusal(
        differentiable=False, step=False
    )
    assert 'output_dim 193' in Plan(head_dim=64, output_dim=193).refusal(differentiable=True, step=False)
    with (
        emulated_variant.emulation() as name,
        pytest.raises(KernelError, match=r'head dims up to 64, got 128.*These can: .*reference') as raised,
    ):
        srwm(torch.zeros(1, 1, 1, 128), torch.zeros(1, 128, 388), implementation=name, **OPTIONS)
    assert raised.value.code == 'KERNEL_UNSUPPORTED'


def test_without_a_device_it_says_so_and_the_package_is_not_imported() -> None:
    if torch.cuda.is_available():
        pytest.skip('torch finds a CUDA device here')
    assert nvrtc.missing() in explain('srwm', device='cuda').refused['cuda']
    code = """
import sys
from srwm.kernels import explain
explain('srwm', device='cuda')
print('cuda.core' in sys.modules)"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd='py')
    assert done.stdout.strip() == 'False'


@pytest.mark.gpu
def test_a_cuda_graph_replays_the_ops() -> None:
    if nvrtc.missing():
        pytest.skip(f'{nvrtc.missing()}: run pytest -m gpu where torch finds one')
    case = make_case(8, 4, 2, 16, 16, resets='some')
    inputs = [t.cuda().float() for t in (case.x, case.w, case.delta)]
    is_first = case.is_first.cuda()
    run = functools.partial(srwm, is_first=is_first, implementation='cuda', **OPTIONS)
    expected = run(*inputs)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = run(*inputs)
    inputs[0].copy_(inputs[0].flip(0))
    graph.replay()
    assert not torch.equal(found[0], expected[0])
    again = run(*inputs)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
