"""The backward kernel whose W lies in memory (triton_walk.py), at sizes that the interpreter has time for."""

from __future__ import annotations

import importlib
import os

import pytest
import torch
from cases import assert_close, evaluate, truth
from srwm_cases import make_case

from srwm.kernels import srwm

pytestmark = pytest.mark.skipif(
    os.environ.get('TRITON_INTERPRET') != '1',
    reason="runs in Triton's interpreter: TRITON_INTERPRET=1 chooses it",
)

# Steps between two of which W is walked back, in these tests: sequences are longer than some of them.
CHUNK = 4


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes chains of every size be split, and their W lie in memory."""
    launch = importlib.import_module('srwm.kernels.srwm.triton_launch')
    monkeypatch.setattr(launch, 'whole', lambda kernel, *_: kernel == 'forward')
    monkeypatch.setattr(launch, 'walked_in_memory', lambda *_: True)
    monkeypatch.setattr(launch, 'CHUNK', CHUNK)


# One chunk and a step, a whole number of chunks, and less than one; episodes end anywhere in a chunk.
@pytest.mark.parametrize('resets', ['none', 'pair', 'some', 'all'])
@pytest.mark.parametrize('steps', [3, 5, 8, 11])
def test_every_gradient_agrees_with_the_float64_loop(
    steps: int, resets: str, in_memory: None, poisoned_memory: None
) -> None:
    case = make_case(steps, 1, 1, 5, 6, resets=resets, seed=steps)
    options = {'input_softmax': True}
    found = evaluate(srwm, case, torch.float64, implementation='triton', **options)
    assert_close(found, truth(case, **options), 1e-12)


@pytest.mark.parametrize('columns', [4, 8])
def test_any_lanes_give_the_same_gradients(
    columns: int, in_memory: None, poisoned_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = importlib.import_module('srwm.kernels.srwm.triton_launch')
    monkeypatch.setattr(launch, 'tile_lanes', lambda *_: (8, columns))
    monkeypatch.setattr(launch, 'CHUNK', 8)
    case = make_case(10, 1, 2, 13, 13, seed=columns)
    options = {'input_softmax': False}
    found = evaluate(srwm, case, torch.float64, implementation='triton', **options)
    assert_close(found, truth(case, **options), 1e-12)
