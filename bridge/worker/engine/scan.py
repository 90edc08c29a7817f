"""`scan`: hoist what does not read the carry, loop over the rest, sink what only feeds results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.traceback import preserve_node_meta

from srwm.worker.engine.affine import Affine
from srwm.worker.engine.build import build_part, first_values
from srwm.worker.engine.calls import DTYPES
from srwm.worker.engine.diagonal import DiagonalLoop, is_diagonal
from srwm.worker.engine.folded import Combine
from srwm.worker.engine.fuse import fuse_linear
from srwm.worker.engine.plain_calls import plain_calls
from srwm.worker.engine.rows import into_row
from srwm.worker.engine.simplify import keep_numbers
from srwm.worker.messages_gen import GraphSpec, NodeSpec

log = logging.getLogger('srwm.worker')


class Plan:
    """Which nodes of a scan body run once, for all steps at once before, in the loop, for all steps at once after."""

    def __init__(self, body: GraphSpec, num_carry: int, num_xs: int) -> None:
        firsts = first_values(body)
        results = [
            range(first, first + len(node.results)) for first, node in zip(firsts, body.nodes, strict=True)
        ]
        carried = set(range(num_carry))
        stepped = set(range(num_carry, num_carry + num_xs))
        self.invariant: list[int] = []
        self.hoisted: list[int] = []
        looping: list[int] = []
        for index, node in enumerate(body.nodes):
            if carried.intersection(node.inputs):
                looping.append(index)
                carried.update(results[index])
            elif stepped.intersection(node.inputs):
                self.hoisted.append(index)
                stepped.update(results[index])
            else:
                self.invariant.append(index)
        needed = {output.value for output in body.outputs[:num_carry]}
        self.core: list[int] = []
        for index in reversed(looping):
            if needed.intersection(results[index]):
                needed.update(body.nodes[index].inputs)
                self.core.insert(0, index)
        self.sunk = [index for index in looping if index not in self.core]
        self.stepped = stepped
        self.results = results

    def in_core_only(self) -> None:
        """Leaves everything that changes from step to step in the loop, in the order of the body."""
        self.core = sorted([*self.hoisted, *self.core, *self.sunk])
        self.hoisted, self.sunk = [], []


def _read(body: GraphSpec, nodes: Iterable[int]) -> set[int]:
    return {value for index in nodes for value in body.nodes[index].inputs}


class Scan(torch.nn.Module):
    """One scan node: (carries, xs, constants, parameters) to (final carries, stacked results)."""

    def __init__(self, node: NodeSpec, device: torch.device, *, marked: bool = False) -> None:
        super().__init__()
        # Whether calls of the parts for all steps at once remember their node: a profile wants to know.
        self._marked = marked
        body = node.body
        assert body is not None
        self.body, self.device = body, device
        self.num_carry, self.num_xs = _integer(node, 'num_carry'), _integer(node, 'num_xs')
        self.length, self.reverse = _integer(node, 'length'), bool(node.attrs['reverse'])
        plan = Plan(body, self.num_carry, self.num_xs)
        try:
            self._build(plan)
        # vmap refuses data-dependent and random operations in many ways: those belong into the loop.
        except Exception as error:  # noqa: BLE001
            log.warning('scan "%s": nothing is hoisted, because %s', body.name, error)
            plan.in_core_only()
            self._build(plan)

    def _build(self, plan: Plan) -> None:
        body, device = self.body, self.device
        given = set(range(len(body.inputs) + len(body.parameters)))
        carries = list(range(self.num_carry))
        outputs = [output.value for output in body.outputs]
        made = {
            part: {v for i in nodes for v in plan.results[i]}
            for part, nodes in vars(plan).items()
            if part in _PARTS
        }
        reads = {part: _read(body, getattr(plan, part)) for part in _PARTS}
        results = set(outputs[self.num_carry :])

        self.invariant_out = sorted(
            made['invariant'] & (reads['hoisted'] | reads['core'] | reads['sunk'] | set(outputs))
        )
        self.invariant_in = sorted(reads['invariant'] & given)
        self.invariant = build_part(body, plan.invariant, self.invariant_in, self.invariant_out, device)
        self._kept: dict[int, Tensor] | None = None
        """The invariant part, where it depends on nothing and no result is made of it: the same at every call."""
        if not self.invariant_in and not made['invariant'].intersection(outputs):
            self._kept = _call(self.invariant, [], self.invariant_out, {})

        constant = (given - set(range(self.num_carry + self.num_xs))) | made['invariant']
        self.hoisted_out = sorted(made['hoisted'] & (reads['core'] | reads['sunk'] | set(outputs)))
        self.hoisted_in = sorted(reads['hoisted'] - made['hoisted'])
        self.hoisted = self._batched(plan.hoisted, self.hoisted_in, self.hoisted_out, constant)

        # The core hands out its carries, the results it makes, and what the sunk part reads of it.
        wanted = (made['core'] | set(carries)) & (reads['sunk'] | results)
        self.core_stacked = sorted(wanted)
        # A carry may also be passed on from an x or a constant without any node.
        self.core_in = sorted(
            (reads['core'] | set(outputs[: self.num_carry]) | wanted) - made['core'] - set(carries)
        )
        results_out = [*outputs[: self.num_carry], *self.core_stacked]
        self.core = keep_numbers(build_part(body, plan.core, [*carries, *self.core_in], results_out, device))
        self.sunk_in = sorted(reads['sunk'] - made['sunk'])
        self.sunk_out = sorted(made['sunk'] & results)
        self.sunk = self._batched(plan.sunk, self.sunk_in, self.sunk_out, constant)
        self.stepped = plan.stepped
        self.constant = constant
        self.outputs = outputs
        self.row_step: fx.GraphModule | None = None
        """The step of a loop with a backward pass of its own, where it can write its carry into a row."""
        self._diagonal = self._diagonal_loop(plan)

    def _diagonal_loop(self, plan: Plan) -> DiagonalLoop | None:
        """The loop with a backward pass of its own, where the body allows it."""
        if self.num_carry != 1 or not is_diagonal(self.body, plan.core):
            return None
        names = {0: 'before', self.outputs[0]: 'after'}
        kinds = [names.get(value, 'other') for value in self.core_stacked]
        others = [v for v, kind in zip(self.core_stacked, kinds, strict=True) if kind == 'other']
        batched = self._batched(plan.core, [0, *self.core_in], [self.outputs[0], *others], self.constant)
        self.row_step = into_row(self.core)
        self._last_node = next(i for i in plan.core if self.outputs[0] in plan.results[i])
        affine = Affine(
            self.body, plan.core, first_values(self.body), self.core_in, self.stepped, self.device
        )
        return DiagonalLoop(
            self._steps,
            batched.forward,
            kinds,
            self.core_in,
            affine if affine.holds() else None,
            length=self.length,
            reverse=self.reverse,
        )

    def name_steps(self, around: Callable[[int, Combine], Combine]) -> None:
        """Puts a function around each folded step, which stands for the node that makes the next carry: its index."""
        if self._diagonal is not None and self._diagonal.folds:
            self._diagonal.combine = around(self._last_node, self._diagonal.combine)

    def _batched(self, nodes: list[int], inputs: list[int], outputs: list[int], constant: set[int]) -> Any:
        """The part for all steps at once: vmap over every input that has a time dimension, traced flat."""
        part = build_part(self.body, nodes, inputs, outputs, self.device)
        if not nodes:
            return part
        in_dims = tuple(None if value in constant else 0 for value in inputs)
        if all(dim is None for dim in in_dims):
            return part
        examples = [self._example(value, value not in constant) for value in inputs]
        # The interpreter hands what it knows of a node on to whatever is traced while it runs that node.
        run = fx.Interpreter(part).run if self._marked else part.forward
        batched = torch.vmap(run, in_dims=in_dims)
        # make_fx counts the arguments of what vmap wraps, and would count `self`; without a table of its own it
        # turns detach into alias, which lets gradients through.
        traced = make_fx(lambda *arguments: batched(*arguments), decomposition_table={})
        with preserve_node_meta(enable=self._marked):
            return plain_calls(fuse_linear(traced(*examples)))

    def _example(self, value: int, stepped: bool) -> Tensor:
        body = self.body
        specs = [*body.inputs, *body.parameters, *(result for node in body.nodes for result in node.results)]
        spec = specs[value]
        shape = [self.length, *spec.shape] if stepped else list(spec.shape)
        return torch.ones(shape, dtype=DTYPES[spec.dtype], device=self.device)

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        values: dict[int, Tensor] = dict(enumerate(arguments))
        if self._kept is None:
            values.update(_call(self.invariant, self.invariant_in, self.invariant_out, values))
        else:
            values.update(self._kept)
        values.update(_call(self.hoisted, self.hoisted_in, self.hoisted_out, values))
        carries, stacked = self._loop(values)
        values.update(zip(self.core_stacked, stacked, strict=True))
        values.update(_call(self.sunk, self.sunk_in, self.sunk_out, values))
        return (*carries, *(self._result(value, values) for value in self.outputs[self.num_carry :]))

    def _loop(self, values: dict[int, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        carries = [values[v] for v in range(self.num_carry)]
        sources = [values[v] for v in self.core_in]
        # While a part of another scan is made batched, its calls must be seen one by one.
        if self._diagonal is not None and not torch._C._are_functorch_transforms_active():
            if torch.is_grad_enabled() and any(value.requires_grad for value in (*carries, *sources)):
                last, *stacked = self._diagonal(carries[0], sources)
                return [last], stacked
            if self._diagonal.folds:
                last, _, stacked, _ = self._diagonal.run(carries[0], sources)
                return [last], stacked
        return self._looped(carries, sources)[:2]

    def _steps(self, carry: Tensor, sources: Sequence[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The loop over one carry, without autograd: the last one, those after each step [T, ...], stacked values."""
        if self.row_step is None:
            (last,), stacked, every = self._looped([carry], sources)
            if self.outputs[0] in self.core_stacked:
                return last, stacked[self.core_stacked.index(self.outputs[0])], stacked
            carries = [now[0] for now in every]
            return last, torch.stack(carries[::-1] if self.reverse else carries), stacked
        after = torch.empty((self.length, *carry.shape), dtype=carry.dtype, device=carry.device)
        rows, columns, now = after.unbind(0), self._columns(sources), carry
        seen: list[Any] = [()] * self.length
        step = self.row_step.forward
        for t in self._times():
            now, *seen[t] = step(now, *[column[t] for column in columns], rows[t])
        # A copy, as rows would share the memory of results.
        last = now.clone(memory_format=torch.contiguous_format)
        written = {self.outputs[0]: after}
        stacked = [
            written[value] if value in written else torch.stack(column)
            for value, column in zip(self.core_stacked, zip(*seen, strict=True), strict=True)
        ]
        return last, after, stacked

    def _columns(self, sources: Sequence[Tensor]) -> list[Sequence[Tensor]]:
        """What each step reads of each source."""
        # unbind, never x[t]: the backward pass of an index zero-fills the whole tensor at every step.
        return [
            source.unbind(0) if v in self.stepped else (source,) * self.length
            for v, source in zip(self.core_in, sources, strict=True)
        ]

    def _times(self) -> range:
        return range(self.length - 1, -1, -1) if self.reverse else range(self.length)

    def _looped(
        self, carries: Sequence[Tensor], sources: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[tuple[Tensor, ...]]]:
        """The last carries, the stacked values, and the carries after each step in the order of the loop."""
        columns = self._columns(sources)
        count = self.num_carry
        now = tuple(carries)
        every: list[tuple[Tensor, ...]] = []
        rows: list[tuple[Tensor, ...]] = []
        step = self.core.forward
        for t in self._times():
            made = step(*now, *[column[t] for column in columns])
            now = made[:count]
            every.append(now)
            rows.append(made[count:])
        if self.reverse:
            rows.reverse()
        return list(now), [torch.stack(column) for column in zip(*rows, strict=True)], every

    def _result(self, value: int, values: dict[int, Tensor]) -> Tensor:
        """A result that does not change from step to step is repeated."""
        if value not in self.constant:
            return values[value]
        return values[value].unsqueeze(0).expand(self.length, *values[value].shape)


_PARTS = ('invariant', 'hoisted', 'core', 'sunk')


def _integer(node: NodeSpec, name: str) -> int:
    value = node.attrs[name]
    assert isinstance(value, int)
    return value


def _call(part: Any, inputs: list[int], outputs: list[int], values: dict[int, Tensor]) -> dict[int, Tensor]:
    if not outputs:
        return {}
    return dict(zip(outputs, part.forward(*[values[value] for value in inputs]), strict=True))
