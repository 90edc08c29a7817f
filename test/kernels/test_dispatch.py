"""Arguments, the choice of an implementation, and the build behind the compiled one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from srwm_cases import make_case

from srwm.kernels import KernelError, delta_rule, dispatch, explain, srwm
from srwm.kernels.build import build
from srwm.kernels.dispatch import Call, Implementation
from srwm.kernels.srwm import cpu_op

CASE = {'x': (3, 2, 1, 4), 'w': (1, 4, 16), 'fast_weight_delta': (2, 1, 4, 16), 'is_first': (3, 2)}


def call(**changes: object) -> None:
    arguments: dict[str, object] = {key: torch.zeros(shape) for key, shape in CASE.items()}
    arguments['is_first'] = torch.zeros(CASE['is_first'], dtype=torch.bool)
    arguments['input_softmax'] = True
    srwm(**{**arguments, **changes})


WRONG = [
    ({'x': torch.zeros(3, 2, 4)}, 'x must be [T,B,H,D], got [3, 2, 4].'),
    ({'x': torch.zeros(3, 2, 1, 0)}, 'x must have head_dim of at least 1'),
    ({'w': torch.zeros(4, 16)}, 'w must be [H,D,Y+2D+4], got [4, 16].'),
    ({'w': torch.zeros(2, 4, 16)}, 'w must be [1,4,Y+12] to fit x [3, 2, 1, 4], got [2, 4, 16].'),
    ({'w': torch.zeros(1, 4, 12)}, 'w must have at least 13 columns (y, q, k, beta), got [1, 4, 12].'),
    ({'w': torch.zeros(1, 4, 16, dtype=torch.float16)}, 'w must be float32 or float64, got float16.'),
    ({'x': torch.zeros(3, 2, 1, 4, dtype=torch.float64)}, "x must have w's dtype float32"),
    (
        {'fast_weight_delta': torch.zeros(3, 1, 4, 16)},
        'fast_weight_delta must be [2, 1, 4, 16], or [1, 4, 16] for all sequences, got [3, 1, 4, 16].',
    ),
    (
        {'fast_weight_delta': torch.zeros(2, 1, 4, 16).double()},
        "fast_weight_delta must have w's dtype float32",
    ),
    ({'is_first': torch.zeros(3, 2)}, 'is_first must be bool [3, 2], got float32 [3, 2].'),
    ({'is_first': torch.zeros(2, 3, dtype=torch.bool)}, 'is_first must be bool [3, 2], got bool [2, 3].'),
    ({'input_softmax': 1}, 'input_softmax must be a bool, got 1.'),
    ({'checkpoint_every': 0}, 'checkpoint_every must be None or a whole number of steps above 0, got 0.'),
    ({'checkpoint_every': 2.0}, 'checkpoint_every must be None or a whole number of steps above 0, got 2.0.'),
    (
        {'x': torch.zeros(3, 2, 1, 4).to_sparse()},
        'x must be a dense tensor (torch.strided), got a sparse_coo one.',
    ),
    ({'bptt': 'full'}, 'bptt must be "unroll" or "step", got \'full\'.'),
    ({'w': torch.zeros(1, 4, 16, device='meta')}, 'w must lie on the device of x, cpu, got meta.'),
    (
        {'cu_seqlens': torch.tensor([0, 3], dtype=torch.int32)},
        'x must have B = 1 where cu_seqlens is given, got B = 2.',
    ),
]


@pytest.mark.parametrize(('changes', 'message'), WRONG, ids=[m.split(',')[0] for _, m in WRONG])
def test_a_wrong_argument_is_named_with_what_it_must_be_and_what_came(changes: dict, message: str) -> None:
    with pytest.raises(KernelError) as raised:
        call(**changes)
    assert raised.value.code == 'KERNEL_ARGUMENT'
    assert message in raised.value.message
    assert '\n' not in str(raised.value)


BAD_DELTA = torch.zeros(2, 1, 4, 16)
BAD_DELTA[1, 0, 2, 3:5] = torch.tensor([float('nan'), float('inf')])


def test_weights_and_states_that_are_not_finite_are_refused() -> None:
    w = torch.zeros(1, 4, 16)
    w[0, 1, 2] = float('-inf')
    with pytest.raises(KernelError, match=r'^KERNEL_ARGUMENT  srwm: w must be finite, got 1 of 64 numbers'):
        call(w=w)
    with pytest.raises(KernelError, match=r'srwm: fast_weight_delta must be finite, got 2 of 128 numbers'):
        call(fast_weight_delta=BAD_DELTA)
    qkv = [torch.zeros(3, 2, 1, 4)] * 3
    bad = BAD_DELTA[..., :4].contiguous()
    with pytest.raises(KernelError, match=r'delta_rule: fast_weights must be finite, got 1 of 32 numbers'):
        delta_rule(*qkv, torch.zeros(3, 2, 1), bad)


def test_a_state_that_a_reset_discards_may_be_anything() -> None:
    is_first = torch.zeros(3, 2, dtype=torch.bool)
    is_first[0, 1] = True
    call(fast_weight_delta=BAD_DELTA, is_first=is_first)
    with pytest.raises(KernelError, match='fast_weight_delta must be finite'):
        call(fast_weight_delta=BAD_DELTA, is_first=is_first.flip(1))


DELTA_CASE = {
    'q': (3, 2, 1, 4),
    'k': (3, 2, 1, 4),
    'v': (3, 2, 1, 5),
    'beta': (3, 2, 1),
    'fast_weights': (2, 1, 4, 5),
}
ENDS = torch.tensor([0, 3], dtype=torch.int32)
WRONG_DELTA = [
    ({'q': None}, 'q must be a tensor, got NoneType.'),
    ({'beta': 0.5}, 'beta must be a tensor, got float.'),
    ({'fast_weights': []}, 'fast_weights must be a tensor or None, got list.'),
    ({'q': torch.zeros(3, 2, 4)}, 'q must be [T,B,H,K], got [3, 2, 4].'),
    ({'k': torch.zeros(3, 2, 1, 5)}, 'k must be [3, 2, 1, 4] like q, got [3, 2, 1, 5].'),
    ({'v': torch.zeros(3, 1, 1, 5)}, 'v must be [3,2,1,V] to fit q [3, 2, 1, 4], got [3, 1, 1, 5].'),
    ({'beta': torch.zeros(3, 2, 1, 1)}, 'beta must be [3, 2, 1], got [3, 2, 1, 1].'),
    ({'v': torch.zeros(3, 2, 1, 5).half()}, "v must have q's dtype float32, got float16."),
    ({'q': torch.zeros(3, 2, 1, 4).int()}, 'q must be float32, float64, bfloat16 or float16, got int32.'),
    ({'fast_weights': torch.zeros(2, 1, 5, 4)}, 'fast_weights must be [2, 1, 4, 5], or [1, 4, 5] for all'),
    ({'is_first': torch.zeros(3, 1, dtype=torch.bool)}, 'is_first must be bool [3, 2], got bool [3, 1].'),
    ({'k': torch.zeros(3, 2, 1, 4, device='meta')}, 'k must lie on the device of q, cpu, got meta.'),
    (
        {'beta': torch.zeros(3, 2, 1).to_sparse()},
        'beta must be a dense tensor (torch.strided), got a sparse_coo',
    ),
    ({'bptt': None}, 'bptt must be "unroll" or "step", got None.'),
    (
        {'checkpoint_every': True},
        'checkpoint_every must be None or a whole number of steps above 0, got True.',
    ),
    ({'cu_seqlens': ENDS}, 'q must have B = 1 where cu_seqlens is given, got B = 2.'),
]


@pytest.mark.parametrize(('changes', 'message'), WRONG_DELTA, ids=[m.split(',')[0] for _, m in WRONG_DELTA])
def test_a_wrong_argument_of_the_delta_rule_is_named(changes: dict, message: str) -> None:
    arguments: dict = {key: torch.zeros(shape) for key, shape in DELTA_CASE.items()}
    with pytest.raises(KernelError) as raised:
        delta_rule(**{**arguments, **changes})
    assert raised.value.code == 'KERNEL_ARGUMENT'
    assert f'delta_rule: {message}' in raised.value.message
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize('ends', [[1, 3], [0, 2], [0, 3, 2, 3], [0, 5]], ids=str)
def test_cu_seqlens_must_rise_from_zero_to_the_last_step(ends: list[int]) -> None:
    cu_seqlens = torch.tensor(ends, dtype=torch.int32)
    with pytest.raises(KernelError, match='cu_seqlens must rise from 0 to T = 3'):
        srwm(torch.zeros(3, 1, 1, 4), torch.zeros(1, 4, 16), input_softmax=True, cu_seqlens=cu_seqlens)


def test_an_unknown_implementation_lists_those_that_exist() -> None:
    with pytest.raises(KernelError, match=r"cpu.*reference.*got 'quick'") as raised:
        call(implementation='quick')
    assert raised.value.code == 'KERNEL_UNSUPPORTED'


def test_forcing_cpu_elsewhere_says_what_could_serve() -> None:
    inputs = {key: torch.zeros(shape, device='meta') for key, shape in CASE.items() if key in ('x', 'w')}
    with pytest.raises(KernelError, match=r'got meta.* These can: reference') as raised:
        srwm(**inputs, input_softmax=True, implementation='cpu')
    assert raised.value.code == 'KERNEL_UNSUPPORTED'


def test_the_op_itself_refuses_what_would_read_foreign_memory() -> None:
    if cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    forward = torch.ops.srwm.forward_cpu.default
    x, w = torch.zeros(3, 1, 1, 4), torch.zeros(1, 4, 16)
    cu_seqlens = torch.tensor([0, 9], dtype=torch.int32)
    for bad in (
        (x, torch.zeros(2, 4, 16), None, None, None),
        (x, w.double(), None, None, None),
        (x, w, torch.zeros(1, 1, 4, 15), None, None),
        (x, w, None, torch.zeros(2, 1, dtype=torch.bool), None),
        (x, w, None, None, cu_seqlens),
    ):
        with pytest.raises(RuntimeError, match='srwm'):
            forward(*bad, True, False, False, 0)


def test_explain_says_why() -> None:
    found = explain('srwm', device='cpu')
    if cpu_op.missing():
        assert found.implementation == 'reference'
        assert cpu_op.missing() in found.reason
    else:
        assert found.implementation == 'cpu'
        assert 'compiled kernels' in found.reason
        assert 'cpu' not in found.refused
    elsewhere = explain('srwm', device='cuda:0')
    assert 'got cuda' in elsewhere.refused['cpu']
    if not torch.cuda.is_available():
        assert elsewhere.implementation == 'reference'
        assert 'got cuda' in elsewhere.reason
    assert (
        explain('srwm', device='cpu', implementation='reference').reason
        == 'asked for by name: plain torch, on any device'
    )


def test_triton_says_what_it_needs_and_its_interpreter_serves_by_name_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    assert explain('srwm', device='cpu').implementation != 'triton'
    assert 'by name only' in explain('srwm', device='cpu').refused['triton']
    assert 'interpreter' in explain('srwm', device='cpu', implementation='triton').reason
    with pytest.raises(
        KernelError, match=r'head_dim is at most 128, got 129\. These can: (cpu, )?reference; or'
    ):
        explain('srwm', device='cpu', head_dim=129, implementation='triton')
    with pytest.raises(KernelError, match='TRITON_INTERPRET is set'):
        explain('srwm', device='cuda', implementation='triton')
    monkeypatch.setenv('TRITON_INTERPRET', '0')
    with pytest.raises(KernelError, match='runs on cuda tensors, got cpu') as raised:
        call(implementation='triton')
    assert raised.value.code == 'KERNEL_UNSUPPORTED'


def test_explain_lists_what_would_serve_the_call_described() -> None:
    found = explain('srwm', device='cpu', dtype=torch.bfloat16, head_dim=64, output_dim=7, packed=True)
    assert found.implementation == ('reference' if cpu_op.missing() else 'cpu')
    with pytest.raises(KernelError, match=r"device must name a device, got 'nowhere'"):
        explain('srwm', device='nowhere')
    for op in ('sum', ['srwm']):
        with pytest.raises(KernelError, match=r"op must be one of .*'srwm'.*got "):
            explain(op, device='cpu')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'dtype': torch.int32}, r'dtype must be one of .*torch.float16\], got torch.int32'),
        ({'dtype': 'float32'}, r"dtype must be one of .*, got 'float32'"),
        ({'head_dim': 0}, 'head_dim must be a whole number of at least 1, got 0'),
        ({'head_dim': '16'}, "head_dim must be a whole number of at least 1, got '16'"),
        ({'output_dim': 2.0}, 'output_dim must be a whole number of at least 1, got 2.0'),
        ({'bptt': 'full'}, 'bptt must be "unroll" or "step", got \'full\''),
    ],
    ids=str,
)
def test_explain_refuses_what_describes_no_call(changes: dict, message: str) -> None:
    with pytest.raises(KernelError, match=f'explain: {message}') as raised:
        explain('srwm', device='cpu', **changes)
    assert raised.value.code == 'KERNEL_ARGUMENT'


def test_auto_takes_the_first_in_the_order_of_preference_that_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(name: str, largest: int) -> Implementation:
        def refusal(call: Call) -> str:
            return '' if call.head_dim <= largest else f'head_dim is at most {largest}, got {call.head_dim}'

        return Implementation(name=name, refusal=refusal, describe=lambda: f'the {name} form')

    monkeypatch.setattr(dispatch, 'TABLE', {})
    for name, largest in (('reference', 10**9), ('triton', 128), ('cuda', 64)):
        dispatch.register('op', row(name, largest))
    for head_dim, expected in ((64, 'cuda'), (65, 'triton'), (129, 'reference')):
        assert explain('op', device='cuda:1', head_dim=head_dim).implementation == expected
    found = explain('op', device='cuda', head_dim=65)
    assert found.reason == 'the triton form; not cuda: head_dim is at most 64, got 65'
    assert found.refused == {'cuda': 'head_dim is at most 64, got 65'}
    with pytest.raises(KernelError, match=r'"cuda" cannot serve.*got 65\. These can: triton, reference; or'):
        explain('op', device='cuda', head_dim=65, implementation='cuda')


def test_without_a_compiler_auto_uses_the_reference_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SRWM_CACHE', str(tmp_path))
    monkeypatch.setenv('CXX', 'no-such-compiler')
    cpu_op.load.cache_clear()
    try:
        found = explain('srwm', device='cpu')
        assert found.implementation == 'reference'
        assert 'no C++ compiler' in found.reason
        assert 'no C++ compiler' in found.refused['cpu']
        with pytest.raises(KernelError, match=r'no C\+\+ compiler.* These can: reference'):
            call(implementation='cpu')
        y, _ = srwm(torch.ones(2, 1, 1, 4), torch.ones(1, 4, 16), input_softmax=True)
        assert y.flatten().tolist() == [1.0] * 8
    finally:
        cpu_op.load.cache_clear()


def test_the_build_command_prints_its_outcome_as_json(tmp_path: Path) -> None:
    environment = {**os.environ, 'SRWM_CACHE': str(tmp_path), 'CXX': 'no-such-compiler'}
    command = [sys.executable, '-m', 'srwm.kernels.build']
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(finished.stdout)
    assert found['built'] is False
    assert found['path'] is None
    assert 'no C++ compiler' in found['reason']


def test_a_second_build_finds_the_first() -> None:
    if cpu_op.missing():
        pytest.skip(f'the compiled kernels are missing: {cpu_op.missing()}')
    found = build()
    assert found.built is False
    assert Path(found.path).is_file()
    assert 'already' in found.reason


def test_a_failing_compiler_leaves_no_library_and_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_compiler(tmp_path, monkeypatch, 'echo "no such target" >&2\nexit 3')
    found = build()
    assert found.path is None
    assert 'no such target' in found.reason
    assert not list((tmp_path / 'kernels').iterdir())


def test_builds_at_the_same_time_leave_one_whole_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_compiler(
        tmp_path,
        monkeypatch,
        'for last; do :; done\nprintf half > "$last"\nsleep 0.2\nprintf whole >> "$last"',
    )
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: build(), range(3)))
    assert len({outcome.path for outcome in outcomes}) == 1
    assert Path(outcomes[0].path).read_text() == 'halfwhole'
    assert [path.suffix for path in (tmp_path / 'kernels').iterdir()] == ['.so']


def use_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Puts a stand-in for the compiler in place; the last argument of every call is the target."""
    compiler = folder / 'compiler'
    compiler.write_text(f'#!/bin/sh\n{script}\n')
    compiler.chmod(0o755)
    monkeypatch.setenv('SRWM_CACHE', str(folder))
    monkeypatch.setenv('CXX', str(compiler))


def test_the_fixture_cases_reset_where_they_say() -> None:
    assert make_case(4, 2, 1, 3, 3, resets='last').is_first.tolist() == [[False] * 2] * 3 + [[True] * 2]
