"""Checkpoints for long sequences: less is kept, and what comes out does not change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from cases import BaseCase, assert_close, evaluate, leaf
from ops import Op, Precision
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode


def assert_same(op: Op, found: dict, expected: dict, precision: Precision) -> None:
    """The delta rule's states pass a border as they are; those of srwm, w plus what was written, are rounded there."""
    if op.name == 'delta_rule':
        assert [key for key in expected if not torch.equal(found[key], expected[key])] == []
    assert_close(found, expected, precision.tolerance)


@pytest.mark.parametrize('bptt', ['unroll', 'step'])
@pytest.mark.parametrize('resets', ['none', 'some', 'pair'])
def test_checkpoints_change_no_result(
    op: Op, variant: str, run_op: Callable, precision: Precision, resets: str, bptt: str
) -> None:
    case = op.make_case(9, 2, 1, 5, 6, resets=resets, seed=1)
    options = {**op.defaults, 'bptt': bptt}
    expected = evaluate(run_op, case, precision.dtype, **options)
    # Triton's interpreter takes milliseconds a step.
    for every in (4,) if variant == 'triton' else (1, 4, 100):
        found = evaluate(run_op, case, precision.dtype, checkpoint_every=every, **options)
        assert_same(op, found, expected, precision)


@pytest.mark.parametrize('carried', [True, False], ids=['carried', 'fresh'])
def test_checkpoints_of_packed_sequences_change_no_result(
    op: Op, variant: str, run_op: Callable, precision: Precision, carried: bool
) -> None:
    cu_seqlens = torch.tensor([0, 0, 3, 4, 10, 10, 12, 12], dtype=torch.int32)
    case = op.make_case(12, 1, 1, 5, 5, seed=2)
    states = op.make_case(1, 7, 1, 5, 5, seed=3, carried=carried)
    packed = case.replace(**{name: getattr(states, name) for name in (case.state, case.cotangents[1])})
    options = {**op.defaults, 'cu_seqlens': cu_seqlens}
    expected = evaluate(run_op, packed, precision.dtype, **options)
    for every in (5,) if variant == 'triton' else (1, 3, 5, 20):
        found = evaluate(run_op, packed, precision.dtype, checkpoint_every=every, **options)
        assert_same(op, found, expected, precision)


def test_no_steps_hand_the_state_through(op: Op, op_implementation: str) -> None:
    case = op.make_case(0, 2, 1, 5, 5)
    options = {**op.defaults, 'implementation': op_implementation, 'checkpoint_every': 3}
    found = evaluate(op.function, case, torch.float64, **options)
    assert torch.equal(found[f'd{case.state}'], getattr(case, case.cotangents[1]))


class Alive(TorchDispatchMode):
    """Counts the bytes of the tensors made under it that are still there; `given` were made before."""

    def __init__(self, given: list[torch.Tensor]) -> None:
        super().__init__()
        self.given = {StorageWeakRef(t.untyped_storage()).cdata for t in given}
        self.storages: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        for result in results if isinstance(results, tuple | list) else (results,):
            if isinstance(result, torch.Tensor):
                storage = result.untyped_storage()
                reference = StorageWeakRef(storage)
                if reference.cdata not in self.given:
                    self.storages[reference.cdata] = (reference, storage.nbytes())
        return results

    def bytes(self) -> int:
        return sum(size for reference, size in self.storages.values() if not reference.expired())


def kept(op: Op, case: BaseCase, **options: object) -> int:
    """The bytes that the forward pass leaves behind for the backward pass, outputs apart."""
    leaves = [leaf(value, torch.float32) for value in case.tensors().values()]
    with Alive(leaves) as alive:
        y, end = op.function(*leaves, case.is_first, **op.defaults, **options)
    assert y.requires_grad
    return alive.bytes() - sum(t.numel() * t.element_size() for t in (y, end))


@pytest.mark.parametrize('packed', [False, True], ids=['batch', 'packed'])
def test_only_the_states_at_the_borders_are_kept(op: Op, op_implementation: str, packed: bool) -> None:
    if op_implementation == 'triton':
        pytest.skip("too long for Triton's interpreter, and what is kept above the op is the same")
    if (op.name, op_implementation) == ('srwm', 'reference'):
        pytest.skip(
            'it keeps T/S + N states inside its op, which equal bits are asked of in test_srwm_features.py'
        )
    case = op.make_case(240, 1 if packed else 2, 1, 16, 16, resets='none', seed=4)
    options: dict = {'implementation': op_implementation}
    if packed:
        states = op.make_case(1, 3, 1, 16, 16, seed=5)
        case = case.carrying(getattr(states, case.state))
        options['cu_seqlens'] = torch.tensor([0, 100, 130, 240], dtype=torch.int32)
    state = getattr(case, case.state)
    # Packed sequences keep the one state that a border cuts.
    border = state[:1].numel() * 4 if packed else state.numel() * 4
    without, with_checkpoints = kept(op, case, **options), kept(op, case, **options, checkpoint_every=60)
    assert without > 4 * with_checkpoints
    # Four segments have three borders; beside the states there are a few flags and lengths.
    assert 3 * border <= with_checkpoints <= 3 * border + 512


def test_without_a_gradient_there_is_nothing_to_run_again(op: Op, op_implementation: str) -> None:
    case = op.make_case(6, 2, 1, 4, 4)
    options = {**op.defaults, 'implementation': op_implementation}
    plain = op.function(*case.arguments(), **options)
    found = op.function(*case.arguments(), **options, checkpoint_every=2)
    assert all(torch.equal(a, b) for a, b in zip(found, plain, strict=True))


@pytest.mark.parametrize('packed', [False, True], ids=['batch', 'packed'])
def test_compiles_as_one_full_graph(op: Op, op_implementation: str, packed: bool) -> None:
    torch.compiler.reset()
    case = op.make_case(6, 1, 1, 3, 3)
    options = {**op.defaults, 'implementation': op_implementation, 'checkpoint_every': 4}
    if packed:
        options['cu_seqlens'] = torch.tensor([0, 6], dtype=torch.int32)

    @torch.compile(fullgraph=True, backend='aot_eager', dynamic=False)
    def compiled(first, *rest, **options):
        y, end = op.function(first * 1.0, *rest, **options)
        return y * 1.0, end

    assert_close(
        evaluate(compiled, case, torch.float64, **options),
        evaluate(op.function, case, torch.float64, **options),
        1e-13,
    )
