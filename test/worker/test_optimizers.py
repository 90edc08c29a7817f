"""Optimizers against their formulas, and the order transform, clip, step."""

from __future__ import annotations

import math

import pytest
import torch

from srwm.worker.engine.files import read_tensors, write_tensors
from srwm.worker.engine.optimizers import Optimizer
from srwm.worker.engine.store import Store
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import Adam, Rmsprop

PLAIN = Rmsprop(alpha=0.9, epsilon=1e-2, momentum=0.0, centered=False, weight_decay=0.0)
FULL = Rmsprop(alpha=0.9, epsilon=1e-2, momentum=0.5, centered=True, weight_decay=0.1)
ADAM = Adam(beta1=0.9, beta2=0.99, epsilon=1e-3, weight_decay=0.1)
START = [1.0, -2.0, 3.0]


def gradient(step: int) -> torch.Tensor:
    return torch.tensor([0.5, -1.0, 2.0]) * math.cos(step + 1)


def optimizer_over(algorithm: Rmsprop | Adam) -> tuple[Optimizer, torch.Tensor]:
    weight = torch.tensor(START, requires_grad=True)
    return Optimizer({'w': weight}, algorithm), weight


def accumulate(optimizer: Optimizer, values: torch.Tensor) -> None:
    optimizer.accumulate((optimizer.parameters['w'] * values).sum())


def rmsprop_by_hand(settings: Rmsprop, rates: list[float]) -> list[float]:
    result = []
    for i, w in enumerate(START):
        square = mean = buffer = 0.0
        for step, rate in enumerate(rates):
            g = gradient(step)[i].item() + settings.weight_decay * w
            square = settings.alpha * square + (1 - settings.alpha) * g * g
            mean = settings.alpha * mean + (1 - settings.alpha) * g
            spread = math.sqrt(square - (mean * mean if settings.centered else 0.0)) + settings.epsilon
            buffer = settings.momentum * buffer + g / spread
            w -= rate * buffer
        result.append(w)
    return result


def adam_by_hand(settings: Adam, rates: list[float]) -> list[float]:
    result = []
    for i, w in enumerate(START):
        first = second = 0.0
        for step, rate in enumerate(rates):
            g = gradient(step)[i].item() + settings.weight_decay * w
            first = settings.beta1 * first + (1 - settings.beta1) * g
            second = settings.beta2 * second + (1 - settings.beta2) * g * g
            unbiased = math.sqrt(second / (1 - settings.beta2 ** (step + 1))) + settings.epsilon
            w -= rate * first / (1 - settings.beta1 ** (step + 1)) / unbiased
        result.append(w)
    return result


@pytest.mark.parametrize('algorithm', [PLAIN, FULL, ADAM], ids=['rmsprop', 'rmsprop with everything', 'adam'])
def test_updates_follow_the_formulas_with_the_learning_rate_of_each_apply(algorithm):
    rates = [0.1, 0.05, 0.2, 0.0, 0.1]
    optimizer, weight = optimizer_over(algorithm)
    for step, rate in enumerate(rates):
        accumulate(optimizer, gradient(step))
        norm, finite = optimizer.apply(step, rate, None, None)
        assert finite
        assert norm == pytest.approx(gradient(step).norm().item(), rel=1e-5)
    by_hand = adam_by_hand if isinstance(algorithm, Adam) else rmsprop_by_hand
    torch.testing.assert_close(weight.detach(), torch.tensor(by_hand(algorithm, rates)), rtol=1e-5, atol=1e-5)
    assert optimizer.version == len(rates)


def test_gradients_add_up_until_apply_and_start_from_zero_after():
    optimizer, weight = optimizer_over(PLAIN)
    accumulate(optimizer, gradient(0))
    accumulate(optimizer, gradient(1))
    assert torch.allclose(weight.grad, gradient(0) + gradient(1))
    optimizer.apply(0, 0.1, None, None)
    assert weight.grad is None


def test_the_global_norm_of_all_gradients_is_clipped_and_reported_before():
    parameters = {name: torch.zeros(2, requires_grad=True) for name in ('a', 'b')}
    optimizer = Optimizer(parameters, PLAIN)
    seen = []
    values = {'a': torch.tensor([3.0, 0.0]), 'b': torch.tensor([0.0, 4.0])}
    optimizer.accumulate(sum((parameters[name] * value).sum() for name, value in values.items()))
    norm, _ = optimizer.apply(0, 1.0, 0.5, None)
    assert norm == pytest.approx(5.0)
    # The first step of RMSprop shows the gradient that it was given.
    for clipped in (0.3, 0.4):
        seen.append(-clipped / (math.sqrt(0.1) * clipped + 1e-2))
    assert parameters['a'][0].item() == pytest.approx(seen[0], rel=1e-4)
    assert parameters['b'][1].item() == pytest.approx(seen[1], rel=1e-4)


def test_a_norm_within_the_bound_leaves_the_gradients_as_they_are():
    clipped, free = optimizer_over(ADAM), optimizer_over(ADAM)
    for (optimizer, _), bound in ((clipped, 100.0), (free, None)):
        accumulate(optimizer, gradient(0))
        optimizer.apply(0, 0.1, bound, None)
    assert torch.equal(clipped[1], free[1])


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_a_norm_that_is_not_finite_skips_the_step_and_forgets_the_gradients(bad):
    optimizer, weight = optimizer_over(ADAM)
    accumulate(optimizer, gradient(0))
    optimizer.apply(0, 0.1, 1.0, None)
    before, state = weight.detach().clone(), {k: v.clone() for k, v in optimizer.state().items()}
    accumulate(optimizer, torch.tensor([1.0, bad, 1.0]))
    norm, finite = optimizer.apply(1, 0.1, 1.0, None)
    assert not finite
    assert not math.isfinite(norm)
    assert torch.equal(weight, before)
    assert all(torch.equal(value, state[key]) for key, value in optimizer.state().items())
    assert optimizer.version == 1
    assert weight.grad is None


def test_a_wrong_version_is_a_conflict_and_changes_nothing():
    optimizer, weight = optimizer_over(ADAM)
    accumulate(optimizer, gradient(0))
    with pytest.raises(WorkerError) as caught:
        optimizer.apply(1, 0.1, None, None)
    assert caught.value.code == 'REQUEST_CONFLICT'
    assert weight.tolist() == START
    assert weight.grad is not None


def test_a_transform_replaces_gradients_before_they_are_clipped():
    optimizer, weight = optimizer_over(PLAIN)
    direct, reference = optimizer_over(PLAIN)
    accumulate(optimizer, gradient(0))
    norm, _ = optimizer.apply(0, 0.1, 1.0, lambda gradients: {'w': gradients['w'] * 10})
    accumulate(direct, gradient(0) * 10)
    wanted, _ = direct.apply(0, 0.1, 1.0, None)
    assert norm == pytest.approx(wanted, rel=1e-6)
    torch.testing.assert_close(weight, reference)


def conv_store() -> Store:
    store = Store()
    generator = torch.Generator().manual_seed(3)
    shapes = {'conv': [4, 3, 3, 3], 'dense': [2, 4], 'scalar': []}
    store.add_set('agent', {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()})
    return store


def take_step(store: Store, optimizer: Optimizer, step: int) -> None:
    values = store.parameters('agent')
    image = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8).to(memory_format=torch.channels_last)
    features = torch.conv2d(image * math.cos(step), values['conv']).relu().mean((2, 3))
    optimizer.accumulate(((features @ values['dense'].T) ** 2).mean() * values['scalar'])
    optimizer.apply(step, 0.01, 0.5, None)


@pytest.mark.parametrize('algorithm', [PLAIN, FULL, ADAM], ids=['rmsprop', 'rmsprop with everything', 'adam'])
def test_saved_parameters_and_state_continue_bit_for_bit(algorithm, tmp_path):
    store = conv_store()
    optimizer = Optimizer(store.parameters('agent'), algorithm)
    for step in range(3):
        take_step(store, optimizer, step)
    write_tensors(str(tmp_path), 'parameters', store.parameters('agent'), {})
    write_tensors(str(tmp_path), 'optimizer', optimizer.state(), {})

    again = conv_store()
    resumed = Optimizer(again.parameters('agent'), algorithm)
    saved, _ = read_tensors(str(tmp_path), 'parameters', torch.device('cpu'))
    with torch.no_grad():
        for name, value in again.parameters('agent').items():
            value.copy_(saved[name])
    resumed.set_state(read_tensors(str(tmp_path), 'optimizer', torch.device('cpu'))[0], 3)
    for step in range(3, 6):
        take_step(store, optimizer, step)
        take_step(again, resumed, step)
    for name, value in store.parameters('agent').items():
        assert torch.equal(value, again.parameters('agent')[name]), name
    for key, value in optimizer.state().items():
        assert torch.equal(value, resumed.state()[key]), key
        assert value.stride() == resumed.state()[key].stride(), key
    assert resumed.version == optimizer.version == 6


def test_an_optimizer_without_steps_has_no_state_and_takes_none_back():
    optimizer, weight = optimizer_over(ADAM)
    fresh, reference = optimizer_over(ADAM)
    assert optimizer.state() == {}
    accumulate(optimizer, gradient(0))
    optimizer.apply(0, 0.1, None, None)
    optimizer.set_state({}, 0)
    with torch.no_grad():
        weight.copy_(torch.tensor(START))
    for each in (optimizer, fresh):
        accumulate(each, gradient(1))
        each.apply(0, 0.1, None, None)
    assert torch.equal(weight, reference)
