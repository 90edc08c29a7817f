"""Every implementation of every op against the plain float64 loop: outputs, final state and all gradients."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest
import torch
from cases import assert_close, error, evaluate, truth
from ops import OPS, Op, Precision


def name(options: dict[str, object]) -> str:
    return '-'.join(str(value) for value in options.values())


def every(of: Callable[[Op], list]) -> list:
    """Returns (op, entry) for every entry of every op, as pytest parameters with readable names."""
    return [
        pytest.param(op, entry, id=f'{op.name}-{name(entry) if isinstance(entry, dict) else entry}')
        for op in OPS.values()
        for entry in of(op)
    ]


AGREEMENT = [
    pytest.param(op, shape, options, id=f'{op.name}-{shape}-{name(options)}')
    for op in OPS.values()
    for shape in op.shapes
    for options in op.options
]


def tolerance(steps: int) -> float:
    return 2e-6 if steps <= 65 else 1e-5


@pytest.mark.parametrize(('op', 'shape', 'options'), AGREEMENT)
def test_float32_agrees_with_the_float64_loop(
    op: Op, run_op: Callable, shape: tuple[int, ...], options: dict, poisoned_memory: None
) -> None:
    if shape[0] > 65 and options != op.options[0]:
        pytest.skip('a long sequence is run with one set of options only: its plain float64 loop takes long')
    case = op.make_case(*shape)
    found = evaluate(run_op, case, torch.float32, **options)
    assert_close(found, truth(case, **options), tolerance(shape[0]))


@pytest.mark.parametrize(('op', 'shape', 'options'), [p for p in AGREEMENT if p.values[1][0] <= 51])
def test_float64_agrees_with_the_float64_loop(
    op: Op, op_implementation: str, shape: tuple[int, ...], options: dict, poisoned_memory: None
) -> None:
    case = op.make_case(*shape)
    found = evaluate(op.function, case, torch.float64, implementation=op_implementation, **options)
    assert_close(found, truth(case, **options), 1e-12)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('carried', [True, False], ids=['carried', 'fresh'])
@pytest.mark.parametrize('resets', ['none', 'first', 'last', 'all', 'pair', 'some'])
def test_resets_anywhere_and_any_start_agree(
    op: Op, run_op: Callable, precision: Precision, resets: str, carried: bool, bptt: str
) -> None:
    case = op.make_case(12, 3, 2, 5, 6, carried=carried, resets=resets, seed=1)
    options = {**op.defaults, 'bptt': bptt}
    assert_close(
        evaluate(run_op, case, precision.dtype, **options), truth(case, **options), precision.tolerance
    )


@pytest.mark.parametrize(('op', 'hostile'), every(lambda op: op.hostile))
def test_hostile_inputs_err_no_more_than_the_plain_float32_loop(
    op: Op, run_op: Callable, hostile: dict
) -> None:
    # The mean ratio of two draws: errors grow so fast here that in a single one the plain loop may be lucky, on one
    # processor and not on another.
    ratios: dict[str, list[float]] = {}
    for seed in (2, 3):
        case = op.make_case(40, 2, 2, 16, 16, seed=seed, **hostile)
        expected = truth(case, **op.hostile_options)
        plain = evaluate(type(case).reference, case, torch.float32, **op.hostile_options)
        found = evaluate(run_op, case, torch.float32, **op.hostile_options)
        for key, value in expected.items():
            ratio = (error(found[key], value) + 1e-8) / (error(plain[key], value) + 1e-8)
            ratios.setdefault(key, []).append(ratio)
    for key, drawn in ratios.items():
        assert statistics.geometric_mean(drawn) <= 4, key


@pytest.mark.parametrize('bad', [float('nan'), float('inf')], ids=str)
def test_a_bad_number_stays_in_its_chain_and_its_episode(op: Op, run_op: Callable, bad: float) -> None:
    case = op.make_case(9, 2, 2, 16, 16, resets='none', seed=4)
    is_first = torch.zeros(9, 2, dtype=torch.bool)
    is_first[6] = True
    # The last of the sequences that write: x of srwm, v of the delta rule.
    written = 'v' if 'v' in case.sequences else 'x'
    values = getattr(case, written).clone()
    values[3, 1, 0] = bad
    case = case.replace(is_first=is_first, **{written: values})
    found, _ = run_op(*case.arguments(torch.float32), **op.hostile_options)
    expected, _ = type(case).reference(*case.arguments(torch.float32), **op.hostile_options)
    assert torch.equal(found.isfinite(), expected.isfinite())
    assert not found[3:6, 1, 0].isfinite().any()
    clean = torch.ones_like(found, dtype=torch.bool)
    clean[3:6, 1, 0] = False
    assert found[clean].isfinite().all()


@pytest.mark.parametrize(
    ('dtype', 'outputs', 'gradients'), [(torch.bfloat16, 4e-3, 8e-3), (torch.float16, 1e-3, 2e-3)]
)
def test_half_precision_inputs_keep_a_float32_state(
    op: Op, run_op: Callable, dtype: torch.dtype, outputs: float, gradients: float
) -> None:
    case = op.make_case(20, 2, 2, 16, 16, seed=5)
    kinds = dict.fromkeys((*case.sequences, case.cotangents[0]), dtype)
    kinds |= dict.fromkeys((*case.weights, case.state, case.cotangents[1]), torch.float32)
    rounded = {key: getattr(case, key).to(kind) for key, kind in kinds.items()}
    leaves = {key: rounded[key].requires_grad_() for key in case.tensors()}
    y, end = run_op(*leaves.values(), case.is_first, **op.defaults)
    assert (y.dtype, end.dtype) == (dtype, torch.float32)
    cotangents = [rounded[key].detach() for key in case.cotangents]
    grads = torch.autograd.grad([y, end], list(leaves.values()), cotangents)
    expected = truth(case.replace(**{k: v.detach().double() for k, v in rounded.items()}), **op.defaults)
    assert error(y, expected['y']) <= outputs
    for key, found in zip(leaves, grads, strict=True):
        assert found.dtype == leaves[key].dtype
        assert error(found, expected[f'd{key}']) <= gradients, key


def test_strided_inputs_give_the_same_numbers_as_contiguous_ones(op: Op, run_op: Callable) -> None:
    case = op.make_case(7, 3, 2, 16, 16, seed=6)
    one = getattr(case, case.state)[:1]
    dense = case.carrying(one.expand(3, -1, -1, -1).contiguous())
    expected = evaluate(run_op, dense, torch.float32, **op.defaults)
    # Time and batch swapped in memory, and every second row of a wider tensor; weights with their columns apart.
    leaves = {
        key: torch.stack([getattr(case, key).transpose(0, 1)] * 2, dim=3).float()[:, :, :, 0].transpose(0, 1)
        for key in case.sequences
    }
    leaves |= {
        key: getattr(case, key).transpose(1, 2).contiguous().float().transpose(1, 2) for key in case.weights
    }
    first = torch.stack([case.is_first.T] * 2)[0].T
    for tensor in (*leaves.values(), first):
        assert not tensor.is_contiguous()
    for tensor in leaves.values():
        tensor.requires_grad_()
    y, end = run_op(*leaves.values(), one.float().expand(3, -1, -1, -1), first, **op.defaults)
    dy, dend = (getattr(case, key).float() for key in case.cotangents)
    dy = dy.transpose(0, 3).contiguous().transpose(0, 3)
    grads = torch.autograd.grad([y, end], list(leaves.values()), [dy, dend])
    for key, found in (('y', y), *((f'd{key}', grad) for key, grad in zip(leaves, grads, strict=True))):
        assert error(found, expected[key]) <= 1e-6, key


def test_packed_sequences_equal_separate_ones(op: Op, run_op: Callable, precision: Precision) -> None:
    lengths = (4, 0, 1, 7)
    case = op.make_case(sum(lengths), 1, 2, 5, 5, seed=7)
    states = op.make_case(1, len(lengths), 2, 5, 5, seed=8)
    cu_seqlens = torch.tensor([0, 4, 4, 5, 12], dtype=torch.int32)
    of_state = (case.state, case.cotangents[1])
    packed = case.replace(**{key: getattr(states, key) for key in of_state})
    found = evaluate(run_op, packed, precision.dtype, **op.defaults, cu_seqlens=cu_seqlens)
    totals = {f'd{key}': torch.zeros_like(getattr(case, key)) for key in case.weights}
    by_step = ('y', *(f'd{key}' for key in case.sequences))
    for n, (a, b) in enumerate(zip(cu_seqlens.tolist(), cu_seqlens.tolist()[1:], strict=False)):
        alone = case.steps(slice(a, b)).replace(**{key: getattr(states, key)[n : n + 1] for key in of_state})
        expected = truth(alone, **op.defaults)
        for key in totals:
            totals[key] += expected[key]
        parts = dict.fromkeys(by_step, slice(a, b)) | dict.fromkeys(
            ('w_end', f'd{case.state}'), slice(n, n + 1)
        )
        if case.weights:
            # w_end holds the slow weights once a sequence here, and so does the truth.
            assert found['w_end'].shape[0] == len(lengths)
        for key, part in parts.items():
            assert error(found[key][part], expected[key]) <= precision.tolerance, (key, n)
    for key, total in totals.items():
        assert error(found[key], total) <= precision.tolerance, key
