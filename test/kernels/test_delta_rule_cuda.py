"""The CUDA form of the delta rule beside the conformance suite: what the emulator catches, how torch sees the ops."""

from __future__ import annotations

import functools

import emulated
import pytest
import torch
import variant as emulated_variant
from cases import assert_close, evaluate, truth
from delta_rule_cases import make_case

from srwm.kernels import KernelError, delta_rule, delta_rule_step_, explain, nvrtc
from srwm.kernels.delta_rule import cuda_op
from srwm.kernels.delta_rule.cuda_plan import Plan
from srwm.kernels.dispatch import TABLE, Implementation


@pytest.mark.parametrize('kernel', ['forward', 'columns', 'rows'])
def test_the_emulator_reports_a_missing_barrier(monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    before = {
        'forward': 'sync_warp();\n      next.load(a, c, w, t + 1)',
        'columns': 'sync_warp();\n      next.load(a, c, G, t - 1)',
        'rows': 'sync_warp();\n      next.load(a, c, m, t - 1)',
    }
    name = f'cuda_emulated_without_a_barrier_of_{kernel}'

    def launch(program: nvrtc.Program, *arguments: object) -> None:
        text = before[kernel] if f'_{kernel}_' in program.name else ''
        emulated.launch(program, *arguments, without=text, instead=text[text.find('\n') :] if text else '')

    cuda_op.define(name, 'cpu', launch)
    row = Implementation(name=name, refusal=cuda_op.size_refusal, describe=lambda: name)
    monkeypatch.setitem(TABLE, 'delta_rule', (*TABLE['delta_rule'], row))
    with pytest.raises(RuntimeError, match='a race'):
        evaluate(
            functools.partial(delta_rule, implementation=name), make_case(5, 1, 1, 16, 16), torch.float32
        )


def test_many_chains_share_blocks() -> None:
    case = make_case(2, 131, 4, 5, 6, seed=5)
    with emulated_variant.emulation() as name:
        found = evaluate(functools.partial(delta_rule, implementation=name), case, torch.float32)
    assert_close(found, truth(case), 2e-6)


def test_opcheck_accepts_all_three_ops() -> None:
    emulated_variant.define()
    case = make_case(4, 2, 1, 16, 16)
    *inputs, is_first = case.arguments(torch.float32)
    ops = torch.ops.delta_rule
    leaves = [t.clone().requires_grad_() for t in inputs]
    torch.library.opcheck(ops.forward_cuda_emulated.default, (*leaves, is_first, None, False, True))
    _, end, saved = ops.forward_cuda_emulated.default(*inputs, is_first, None, False, True)
    arguments = (case.do.float(), torch.ones_like(end), *inputs, is_first, None, saved, False, True)
    torch.library.opcheck(ops.backward_cuda_emulated.default, arguments)
    *one, state = (*(t[0] for t in inputs[:4]), inputs[4].clone())
    torch.library.opcheck(
        ops.step_cuda_emulated_.default, (*one, state, is_first[0], torch.zeros_like(case.do[0]).float())
    )


def test_sizes_and_dtypes_that_do_not_fit_say_what_could_serve() -> None:
    assert Plan(key_dim=128, value_dim=128).refusal() == ''
    with emulated_variant.emulation() as name:
        with pytest.raises(KernelError, match=r'sizes up to 128, got 129.*These can: .*reference') as raised:
            delta_rule(*(torch.zeros(1, 1, 1, 129) for _ in 'qkv'), torch.zeros(1, 1, 1), implementation=name)
        assert raised.value.code == 'KERNEL_UNSUPPORTED'
        state = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
        inputs = [torch.zeros(1, 1, 4, dtype=torch.float64) for _ in 'qkv']
        with pytest.raises(KernelError, match='computes in float32, got float64'):
            delta_rule_step_(*inputs, torch.zeros(1, 1, dtype=torch.float64), state, implementation=name)


def test_explain_says_why_not_where_there_is_no_device() -> None:
    if torch.cuda.is_available():
        pytest.skip('torch finds a CUDA device here')
    for op in ('delta_rule', 'delta_rule_step', 'srwm_step'):
        refused = explain(op, device='cuda').refused
        assert refused['cuda'] == nvrtc.missing()
        assert 'no CUDA or ROCm device' in refused['triton'] or 'TRITON_INTERPRET' in refused['triton']
        assert explain(op, device='cpu').implementation in ('cpu', 'reference')
