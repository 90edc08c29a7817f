"""Parameter sets that are written to between requests: what fits is copied, anything else changes nothing."""

from __future__ import annotations

import pytest
import torch

from srwm.worker.engine.store import Store
from srwm.worker.errors import WorkerError


def store_with(**values: list[float]) -> Store:
    store = Store()
    store.add_set('net', {name: torch.tensor(value) for name, value in values.items()})
    return store


def test_assign_copies_into_the_parameters_that_optimizers_know():
    store = store_with(a=[1.0, 2.0], b=[3.0])
    before = store.parameters('net')['a']
    given = torch.tensor([5.0, 6.0])
    store.assign('net', {'a': given}, None)
    given.zero_()
    assert store.parameters('net')['a'] is before
    assert before.tolist() == [5.0, 6.0]
    assert before.requires_grad
    assert store.parameters('net')['b'].tolist() == [3.0]


@pytest.mark.parametrize(
    'wrong', [{'c': torch.zeros(2)}, {'a': torch.zeros(3)}, {'a': torch.zeros(2, dtype=torch.float64)}]
)
def test_assign_refuses_what_does_not_fit_before_it_changes_anything(wrong):
    store = store_with(a=[1.0, 2.0], b=[3.0])
    with pytest.raises(WorkerError) as caught:
        store.assign('net', {'b': torch.tensor([9.0]), **wrong}, 4)
    assert caught.value.code == 'REQUEST_INVALID'
    assert store.parameters('net')['b'].tolist() == [3.0]
    with pytest.raises(WorkerError):
        store.expect_version('net', 4)


def test_a_set_must_be_at_the_version_that_is_asked_for():
    store = store_with(a=[1.0])
    with pytest.raises(WorkerError) as caught:
        store.expect_version('net', 0)
    assert caught.value.code == 'REQUEST_CONFLICT'
    store.assign('net', {'a': torch.tensor([2.0])}, 7)
    store.expect_version('net', 7)
    store.assign('net', {'a': torch.tensor([3.0])}, None)
    store.expect_version('net', 7)
    with pytest.raises(WorkerError):
        store.expect_version('net', 8)
