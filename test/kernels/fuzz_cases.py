"""Random calls of every op for the fuzz campaign, and what the plain float64 loop says of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from cases import BaseCase
from ops import OPS, Op
from torch import Tensor

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
RESETS = ('none', 'none', 'some', 'some', 'all', 'first', 'last', 'pair')


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One call: a case in the dtypes and strides of its inputs, and the options beside it."""

    op: Op
    case: BaseCase
    dtype: torch.dtype
    cu_seqlens: Tensor | None
    options: dict[str, object]
    checkpoint_every: int | None

    def __str__(self) -> str:
        tensors = {**self.case.tensors(), 'is_first': self.case.is_first, 'cu_seqlens': self.cu_seqlens}
        shapes = ', '.join(
            f'{name} {list(t.shape)} {t.dtype} strides {list(t.stride())}'
            for name, t in tensors.items()
            if t is not None
        )
        return f'{self.op.name}: {shapes}, {self.options}, checkpoint_every {self.checkpoint_every}'


def draw(seed: int, names: Sequence[str], *, small: bool) -> Drawn:
    """Returns the call of a seed; `small` ones suit an interpreter."""
    choose = random.Random(seed)
    op = OPS[choose.choice(names)]
    dims = [1, 2, 3, 4, 5, 8, 13, 16, 17, 32] if small else [*range(1, 34), 48, 64, 65]
    head_dim = choose.choice(dims)
    output_dim = head_dim if choose.random() < 0.6 else choose.randint(1, 20 if small else 70)
    steps = choose.choice([0, 1, 2, 4] if small else [0, 1, 2, 3, 7, 12])
    batch = choose.choice([0, 1, 2] if small else [0, 1, 2, 3, 5])
    heads = choose.randint(0, 1 if small else 3)
    dtype = choose.choice(DTYPES)
    packed = choose.random() < 0.25
    states, cu_seqlens = batch, None
    if packed:
        batch, states = 1, choose.randint(1, 4)
        ends = sorted(choose.randint(0, steps) for _ in range(states - 1))
        cu_seqlens = torch.tensor([0, *ends, steps], dtype=torch.int32)
    make = {'carried': choose.random() < 0.7, 'seed': seed}
    case = op.make_case(steps, batch, heads, head_dim, output_dim, resets=choose.choice(RESETS), **make)
    of_states = op.make_case(0, states, heads, head_dim, output_dim, resets='none', **make)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    of_time = (*case.sequences, case.cotangents[0])
    tensors = {name: getattr(case, name).to(dtype) for name in of_time}
    tensors |= {name: getattr(case, name).to(wide) for name in case.weights}
    tensors[case.cotangents[1]] = getattr(of_states, case.cotangents[1]).to(wide)
    tensors = {name: strided(choose, value) for name, value in tensors.items()}
    state = getattr(of_states, case.state)
    if state is not None:
        one_for_all = states > 0 and choose.random() < 0.25
        state = strided(choose, state.to(wide))
        tensors[case.state] = state[:1].expand(states, -1, -1, -1) if one_for_all else state
    if case.is_first is not None:
        tensors['is_first'] = strided(choose, case.is_first)
    return Drawn(
        op=op,
        case=case.replace(**{case.state: None, **tensors}),
        dtype=dtype,
        cu_seqlens=cu_seqlens,
        options=choose.choice(op.options),
        checkpoint_every=choose.choice([None, None, 1, 2, 5]),
    )


def strided(choose: random.Random, tensor: Tensor) -> Tensor:
    """Returns the same numbers in another order of memory, or with gaps of NaN between them."""
    if choose.random() < 0.5:
        return tensor
    order = list(range(tensor.dim()))
    choose.shuffle(order)
    gaps = choose.randint(1, 2)
    mixed = tensor.permute(order)
    room = tensor.new_full((*mixed.shape, gaps), float('nan') if tensor.is_floating_point() else True)
    room[..., 0] = mixed
    return room[..., 0].permute([order.index(d) for d in range(tensor.dim())])


def results(
    drawn: Drawn, run: Callable, wide: torch.dtype | None = None, **options: object
) -> dict[str, Tensor]:
    """Returns outputs and gradients by name; inputs keep their strides, and their dtypes unless one is given."""
    case = drawn.case
    names = (*case.sequences, *case.weights, case.state)
    leaves = {name: value.to(wide or value.dtype) for name, value in case.tensors().items()}
    leaves = {name: value.detach().requires_grad_() for name, value in leaves.items()}
    y, end = run(*(leaves.get(name) for name in names), case.is_first, **drawn.options, **options)
    cotangents = [getattr(case, name) for name in case.cotangents]
    pairs = [(o, c.to(o.dtype)) for o, c in zip((y, end), cotangents, strict=True) if o.requires_grad]
    found = {'y': y.detach(), 'end': end.detach()}
    if pairs:
        outputs, cotangents = zip(*pairs, strict=True)
        grads = torch.autograd.grad(outputs, list(leaves.values()), cotangents, materialize_grads=True)
        found |= {f'd{name}': grad for name, grad in zip(leaves, grads, strict=True)}
    return found


def truth(drawn: Drawn) -> dict[str, Tensor]:
    """What the plain loop says in float64, sequence by sequence where they are packed."""
    count = len(drawn.case.sequences)

    def run(*inputs: Tensor | None, **options: object) -> tuple[Tensor, Tensor]:
        if drawn.cu_seqlens is None:
            return drawn.case.reference(*inputs, **options)
        *tensors, state, is_first = inputs
        parts = []
        for n, (a, b) in enumerate(itertools.pairwise(drawn.cu_seqlens.tolist())):
            sequences = [t[a:b] for t in tensors[:count]]
            of_n = (
                None if state is None else state[n : n + 1],
                None if is_first is None else is_first[a:b],
            )
            parts.append(drawn.case.reference(*sequences, *tensors[count:], *of_n, **options))
        outputs, states = zip(*parts, strict=True)
        return torch.cat(outputs), torch.cat(states)

    return results(drawn, run, torch.float64)
