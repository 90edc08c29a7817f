"""Random numbers are a function of the key alone."""

from __future__ import annotations

import pytest
import torch

from srwm.worker.engine.random import random_normal, random_uniform

CPU = torch.device('cpu')
SHAPE = [100, 300]


@pytest.mark.parametrize('draw', [random_uniform, random_normal])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_equal_keys_give_equal_numbers_for_any_thread_count(draw, dtype):
    wanted = draw(11, SHAPE, dtype, CPU)
    for threads in (2, 4):
        torch.set_num_threads(threads)
        assert torch.equal(draw(11, SHAPE, dtype, CPU), wanted)
    assert wanted.dtype == dtype
    assert not torch.equal(draw(12, SHAPE, dtype, CPU), wanted)


@pytest.mark.parametrize('key', [0, 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize('draw', [random_uniform, random_normal])
def test_keys_of_the_whole_unsigned_range_are_taken(draw, key):
    drawn = draw(key, [8], torch.float32, CPU)
    assert torch.equal(draw(key, [8], torch.float32, CPU), drawn)
    assert not torch.equal(draw(key ^ 1, [8], torch.float32, CPU), drawn)


@pytest.mark.parametrize('draw', [random_uniform, random_normal])
def test_the_global_generator_is_neither_read_nor_moved(draw):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = draw(5, [64], torch.float32, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(draw(5, [64], torch.float32, CPU), first)


def test_the_distributions_are_what_they_are_called():
    uniform = random_uniform(3, [100_000], torch.float64, CPU)
    assert float(uniform.min()) >= 0
    assert float(uniform.max()) < 1
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.005)
    normal = random_normal(3, [100_000], torch.float64, CPU)
    assert float(normal.mean()) == pytest.approx(0, abs=0.02)
    assert float(normal.std()) == pytest.approx(1, abs=0.02)
