"""Collecting from a scripted pool: which row of which record holds what."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from graph_builder import Builder, built

from srwm.worker.engine.collect import Carry, Plan, Unroll, collect
from srwm.worker.errors import Cancelled

B = 2


class CountingPool:
    """Step k shows observation (k, slot), gives reward k + slot / 10, and begins an episode when 3 divides k."""

    num_envs = B
    observation_shape = (2,)
    observation_dtype = 'uint8'

    def __init__(self) -> None:
        self.step = 0
        self.actions: list[list[int]] = []
        # One memory for all steps, as a real pool has it: a view that is kept would change.
        self.shown = np.zeros((B, 2), dtype=np.uint8)
        self.observations = self.shown

    def current(self, group: int) -> SimpleNamespace:
        assert group == 0
        self.shown[:] = [[self.step, slot] for slot in range(B)]
        return SimpleNamespace(
            observation=self.shown,
            reward=np.array([self.step + slot / 10 for slot in range(B)], dtype=np.float32),
            is_first=np.full(B, self.step % 3 == 0),
            is_truncated=np.zeros(B, dtype=bool),
        )

    def observation_rows(self, count: int) -> None:
        return None

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        assert row is None
        assert (actions.dtype, actions.shape) == (np.int64, (B,))
        self.actions.append(actions.tolist())

    def receive(self, group: int) -> SimpleNamespace:
        self.step += 1
        return self.current(group)

    def levels(self) -> np.ndarray:
        return np.array([7 * self.step + slot for slot in range(B)])


class WritingPool(CountingPool):
    """Writes each step's observations to the row that it is told, and shows nothing itself."""

    def observation_rows(self, count: int) -> np.ndarray:
        self.rows = np.zeros((count, B, 2), dtype=np.uint8)
        return self.rows

    def send(self, group: int, actions: np.ndarray, row: int | None = None) -> None:
        assert row is not None
        super().send(group, actions, None)
        self.rows[row] = [[self.step + 1, slot] for slot in range(B)]

    def current(self, group: int) -> SimpleNamespace:
        step = super().current(group)
        if self.step:
            self.shown[:] = 255
        return step


def act_spec():
    """action = step seen + noise; the state sums the rewards, from zero at an episode's first step."""
    b = Builder(
        'act',
        {
            'observation': ([1, B, 2], 'uint8'),
            'reward': ([1, B], 'float32'),
            'is_first': ([1, B], 'bool'),
            'noise': ([1, B], 'float32'),
            'offset': ([B], 'float32'),
            'state/sum': ([B], 'float32'),
        },
        {'w': ([], 'float32')},
    )
    seen = b.op('aten.select.int', b['observation'], dim=2, index=0)
    moved = b.op('aten.add.Tensor', b.op('aten.add.Tensor', seen, b['noise']), b['offset'])
    action = b.op('aten._to_copy.default', b.op('aten.mul.Tensor', moved, b['w']), dtype='int64')
    zero = b.op('aten.full.default', shape=[1, B], value=0.0, dtype='float32')
    former = b.op('aten.where.self', b['is_first'], zero, b['state/sum'])
    total = b.op('aten.add.Tensor', former, b['reward'])
    state = b.op('aten.select.int', total, dim=0, index=0)
    return b.spec(action=action, total=total, state=state)


def make_plan(length: int, initial: torch.Tensor, **changes) -> Plan:
    graph = built(act_spec())
    settings = {
        'graph': graph,
        'parameters': {'w': torch.tensor(1.0, requires_grad=True)},
        'length': length,
        'inputs': {'offset': torch.tensor([0.0, 100.0])},
        'per_step': {'noise': 10.0 * torch.arange(length)[:, None].expand(length, B)},
        'observation': 'observation',
        'reward': 'reward',
        'is_first': 'is_first',
        'level': None,
        'carry': [Carry(input='state/sum', output=graph.output_index('state'), initial=initial)],
        'action': graph.output_index('action'),
        'record': {'actions': graph.output_index('action'), 'totals': graph.output_index('total')},
        'store_observation': True,
        'final': None,
        'tick': lambda: None,
    }
    return Plan(**{**settings, **changes})


def totals_by_hand(first: int, length: int, start: float, slot: int) -> list[float]:
    totals, total = [], start
    for k in range(first, first + length):
        total = (0.0 if k % 3 == 0 else total) + k + slot / 10
        totals.append(total)
    return totals


def test_an_unroll_of_t_steps_holds_t_plus_one_time_steps_and_t_actions():
    pool = CountingPool()
    unroll = collect(make_plan(5, torch.zeros(B)), pool)
    assert unroll.observation.shape == (6, B, 2)
    assert unroll.observation.dtype == torch.uint8
    assert unroll.observation[:, 1].tolist() == [[k, 1] for k in range(6)]
    torch.testing.assert_close(unroll.reward, torch.tensor([[k, k + 0.1] for k in range(6)]))
    assert unroll.is_first[:, 0].tolist() == [True, False, False, True, False, False]
    assert unroll.records['actions'].shape == (5, B)
    assert pool.step == 5


def test_a_pool_that_has_rows_writes_observations_there_itself():
    copied, written = CountingPool(), WritingPool()
    expected, unroll = (
        collect(make_plan(5, torch.zeros(B)), copied),
        collect(make_plan(5, torch.zeros(B)), written),
    )
    assert torch.equal(unroll.observation, expected.observation)
    assert unroll.observation.data_ptr() == written.rows.ctypes.data
    assert written.actions == copied.actions


def test_an_action_answers_the_observation_of_its_own_row_with_the_noise_of_its_own_row():
    pool = CountingPool()
    unroll = collect(make_plan(4, torch.zeros(B)), pool)
    wanted = [[k + 10 * k, k + 10 * k + 100] for k in range(4)]
    assert unroll.records['actions'].tolist() == wanted
    assert pool.actions == wanted


def collect_two(pool: CountingPool) -> tuple[Unroll, Unroll]:
    first = collect(make_plan(4, torch.tensor([50.0, 60.0])), pool)
    return first, collect(make_plan(4, first.carries[0]), pool)


def test_the_last_row_of_an_unroll_is_the_first_of_the_next():
    first, second = collect_two(CountingPool())
    for name in ('observation', 'reward', 'is_first'):
        assert torch.equal(getattr(first, name)[-1], getattr(second, name)[0]), name
    assert second.observation[:, 0, 0].tolist() == [4, 5, 6, 7, 8]


def test_the_state_is_carried_over_steps_and_unrolls_without_seeing_a_step_twice():
    first, second = collect_two(CountingPool())
    for slot in range(B):
        wanted = totals_by_hand(0, 4, 50.0, slot)
        torch.testing.assert_close(first.records['totals'][:, slot], torch.tensor(wanted))
        again = totals_by_hand(4, 4, wanted[-1], slot)
        torch.testing.assert_close(second.records['totals'][:, slot], torch.tensor(again))
        assert second.carries[0][slot].item() == pytest.approx(again[-1])


def test_what_an_unroll_keeps_may_be_learned_from():
    unroll = collect(make_plan(3, torch.zeros(B)), CountingPool())
    weight = torch.ones(B, requires_grad=True)
    kept = [unroll.reward, *unroll.carries, unroll.records['totals']]
    assert not any(value.is_inference() or value.requires_grad for value in kept)
    sum((value * weight).sum() for value in kept).backward()
    assert weight.grad is not None


def test_the_initial_state_is_left_as_it_was():
    initial = torch.tensor([5.0, 6.0])
    unroll = collect(make_plan(3, initial), CountingPool())
    assert initial.tolist() == [5.0, 6.0]
    assert unroll.carries[0].data_ptr() != initial.data_ptr()


def test_observations_that_nobody_keeps_change_no_action():
    kept, dropped = CountingPool(), CountingPool()
    collect(make_plan(4, torch.zeros(B)), kept)
    unroll = collect(make_plan(4, torch.zeros(B), store_observation=False), dropped)
    assert dropped.actions == kept.actions
    assert unroll.observation.shape[0] == 1
    assert unroll.observation.data_ptr() == dropped.observations.ctypes.data
    assert unroll.reward.shape[0] == 5


def test_cancelling_stops_between_two_steps():
    pool, ticks = CountingPool(), []

    def tick() -> None:
        ticks.append(pool.step)
        if len(ticks) == 3:
            raise Cancelled('REQUEST_CANCELLED', 'collect: cancelled.')

    with pytest.raises(Cancelled):
        collect(make_plan(10, torch.zeros(B), tick=tick), pool)
    assert ticks == [1, 2, 3]
    assert len(pool.actions) == pool.step == 3


def test_each_step_is_told_the_level_that_each_slot_is_in_then():
    b = Builder('act', {'observation': ([1, B, 2], 'uint8'), 'level': ([1, B], 'int64')}, {})
    graph = built(b.spec(action=b.op('aten.mul.Scalar', b['level'], other=2)))
    plan = make_plan(
        3,
        torch.zeros(B),
        graph=graph,
        parameters={},
        inputs={},
        per_step={},
        reward=None,
        is_first=None,
        level='level',
        carry=[],
        action=0,
        record={'actions': 0},
    )
    pool = CountingPool()
    unroll = collect(plan, pool)
    assert pool.actions == [[0, 2], [14, 16], [28, 30]]
    assert unroll.records['actions'].tolist() == pool.actions


class LimitedPool(CountingPool):
    """An episode ends after every third step; for slot 0 because of a limit, with final observation (99, slot)."""

    def current(self, group: int) -> SimpleNamespace:
        step = super().current(group)
        step.is_truncated = step.is_first & np.array([self.step > 0, False])
        step.final_observation = np.array([[99, slot] for slot in range(B)], dtype=np.uint8)
        return step


def test_what_a_graph_says_of_final_observations_is_kept_where_a_limit_cut_an_episode_short():
    graph = built(act_spec())
    plain = collect(make_plan(7, torch.zeros(B)), LimitedPool())
    wanted = {'final': graph.output_index('total'), 'seen': graph.output_index('action')}
    for name, index in wanted.items():
        unroll = collect(make_plan(7, torch.zeros(B), final=(name, index)), LimitedPool())
        # Steps 2 and 5 lead to observations 3 and 6, which open episodes. Slot 0 is asked with the sum before and the
        # reward of the step, as if its episode had gone on; slot 1's ends are no limit's.
        said = {'final': {2: 0 + 1 + 2 + 3, 5: 3 + 4 + 5 + 6}, 'seen': {2: 99 + 20, 5: 99 + 50}}[name]
        assert unroll.records[name].tolist() == [[said.get(t, 0), 0] for t in range(7)]
        for record in ('actions', 'totals'):
            assert torch.equal(unroll.records[record], plain.records[record])
        assert torch.equal(unroll.carries[0], plain.carries[0])
