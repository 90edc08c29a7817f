"""Random calls of `srwm` and `srwm_step_`: every implementation of this machine against the plain float64 loop.

    python test/kernels/fuzz.py --seconds 60 --seed 1      # from the repository root, with PYTHONPATH=py

A failure prints the seed of its case: `--only SEED` repeats it. Exit code 1 after a failure.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from srwm.kernels import KernelError, srwm, srwm_step_
from srwm.kernels.srwm import cpu_op
from srwm.kernels.srwm.reference import reference

LEVELS = ('portable', 'avx2', 'avx512')
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
# Relative to the largest number of the tensor compared; recurrences are short enough not to amplify.
TOLERANCES = {torch.float32: 3e-4, torch.float64: 1e-9, torch.bfloat16: 5e-2, torch.float16: 1e-2}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One call and the cotangents of its outputs."""

    x: Tensor
    w: Tensor
    delta: Tensor | None
    is_first: Tensor | None
    cu_seqlens: Tensor | None
    input_softmax: bool
    bptt: str
    dy: Tensor
    ddelta: Tensor


def draw(seed: int) -> Drawn:
    choose, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    head_dim = choose.choice([*range(1, 34), 48, 64, 65])
    y_dim = head_dim if choose.random() < 0.6 else choose.randint(1, 70)
    steps, batch, heads = (
        choose.choice([0, 1, 2, 3, 7, 12]),
        choose.choice([0, 1, 2, 3, 5]),
        choose.randint(0, 3),
    )
    dtype = choose.choice(DTYPES)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    columns = y_dim + 2 * head_dim + 4

    def normal(*shape: int, of: torch.dtype = wide) -> Tensor:
        return strided(choose, torch.randn(shape, generator=generator, dtype=torch.float64).to(of))

    cu_seqlens, states = None, batch
    if choose.random() < 0.25:
        batch, states = 1, choose.randint(1, 4)
        ends = sorted(choose.randint(0, steps) for _ in range(states - 1))
        cu_seqlens = torch.tensor([0, *ends, steps], dtype=torch.int32)
    scale = 1 / head_dim**0.5
    delta = normal(states, heads, head_dim, columns) * 0.3 * scale
    if choose.random() < 0.25:
        delta = delta[:1].expand(states, -1, -1, -1) if states else delta
    is_first = strided(choose, torch.rand(steps, batch, generator=generator) < choose.choice([0.0, 0.2, 1.0]))
    return Drawn(
        x=normal(steps, batch, heads, head_dim, of=dtype),
        w=normal(heads, head_dim, columns) * scale,
        delta=delta if choose.random() < 0.7 else None,
        is_first=is_first if choose.random() < 0.7 else None,
        cu_seqlens=cu_seqlens,
        input_softmax=choose.random() < 0.5,
        bptt=choose.choice(['unroll', 'unroll', 'step']),
        dy=normal(steps, batch, heads, y_dim, of=dtype),
        ddelta=normal(states, heads, head_dim, columns),
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
    case: Drawn, run: object, wide: torch.dtype | None = None, **options: object
) -> dict[str, Tensor]:
    def leaf(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(wide or tensor.dtype).detach().requires_grad_()

    leaves = {'x': leaf(case.x), 'w': leaf(case.w), 'delta': leaf(case.delta)}
    y, end = run(*leaves.values(), case.is_first, input_softmax=case.input_softmax, bptt=case.bptt, **options)
    given = {name: value for name, value in leaves.items() if value is not None}
    pairs = [(o, c.to(o.dtype)) for o, c in ((y, case.dy), (end, case.ddelta)) if o.requires_grad]
    found = {'y': y.detach(), 'end': end.detach()}
    if pairs:
        outputs, cotangents = zip(*pairs, strict=True)
        grads = torch.autograd.grad(outputs, list(given.values()), cotangents, materialize_grads=True)
        found |= {f'd{name}': grad for name, grad in zip(given, grads, strict=True)}
    return found


def truth(case: Drawn) -> dict[str, Tensor]:
    """The plain loop in float64, sequence by sequence where they are packed."""

    def run(x: Tensor, w: Tensor, delta: Tensor | None, is_first: Tensor | None, **options: object):
        if case.cu_seqlens is None:
            return reference(x, w, delta, is_first, **options)
        parts = []
        ends = case.cu_seqlens.tolist()
        for n, (a, b) in enumerate(itertools.pairwise(ends)):
            state = None if delta is None else delta[n : n + 1]
            parts.append(reference(x[a:b], w, state, None if is_first is None else is_first[a:b], **options))
        ys, states = zip(*parts, strict=True)
        return torch.cat(ys), torch.cat(states)

    return results(case, run, torch.float64)


def compare(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> str:
    for name, value in expected.items():
        if name not in found:
            return f'{name} is missing'
        difference = (found[name].double() - value).abs().max() if value.numel() else torch.zeros(())
        if not difference <= tolerance * max(1.0, float(value.abs().max()) if value.numel() else 0.0):
            return f'{name} is off by {float(difference):.1e}'
    return ''


def steps_of(case: Drawn, implementation: str) -> dict[str, Tensor]:
    """The forward results, one step at a time."""
    state = torch.zeros(case.x.shape[1], *case.w.shape, dtype=case.w.dtype)
    if case.delta is not None:
        state.copy_(case.delta)
    ys = [case.x.new_empty((0, *case.dy.shape[1:]))]
    for t, x_t in enumerate(case.x):
        first = None if case.is_first is None else case.is_first[t]
        y = srwm_step_(
            x_t, case.w, state, first, input_softmax=case.input_softmax, implementation=implementation
        )
        ys.append(y.unsqueeze(0))
    return {'y': torch.cat(ys), 'end': state}


def check(seed: int) -> str:
    """Returns what is wrong with the case of this seed, or an empty string."""
    case = draw(seed)
    expected, tolerance = truth(case), TOLERANCES[case.x.dtype]
    forward = {name: expected[name] for name in ('y', 'end')}
    levels = range(3) if not cpu_op.missing() else ()
    every = seed % 4 or None
    for name, level in (('reference', None), *(('cpu', level) for level in levels)):
        if level is not None and cpu_op.instruction_set(level) != LEVELS[level]:
            continue
        label = name if level is None else f'{name} {LEVELS[level]}'
        options = {'implementation': name, 'cu_seqlens': case.cu_seqlens, 'checkpoint_every': every}
        try:
            found = results(case, srwm, **options)
        except KernelError as error:
            if error.code != 'KERNEL_UNSUPPORTED' or every is None:
                raise
            found = results(case, srwm, **options | {'checkpoint_every': None})
        if wrong := compare(found, expected, tolerance):
            return f'{label}: {wrong}'
        if case.cu_seqlens is None and (wrong := compare(steps_of(case, name), forward, tolerance)):
            return f'{label}, step by step: {wrong}'
    return ''


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seconds', type=float, required=True)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', type=int, help='repeat the case of this seed')
    arguments = parser.parse_args()
    end, seed, failures = time.monotonic() + arguments.seconds, arguments.seed * 1_000_000, 0
    seeds = 0
    while (seeds == 0 or time.monotonic() < end) and failures < 10:
        at = seed + seeds if arguments.only is None else arguments.only
        if wrong := check(at):
            failures += 1
            print(f'FAIL {wrong}; repeat: python test/kernels/fuzz.py --seconds 0 --only {at}')
            print(f'     {describe(draw(at))}')
        seeds += 1
        if arguments.only is not None:
            break
    print(f'fuzz: {seeds} cases, {failures} failures (float32: {cpu_op.missing() or "all instruction sets"})')
    return 1 if failures else 0


def describe(case: Drawn) -> str:
    tensors = {k: v for k, v in vars(case).items() if isinstance(v, Tensor)}
    shapes = ', '.join(
        f'{k} {list(v.shape)} {v.dtype} strides {list(v.stride())}' for k, v in tensors.items()
    )
    return f'{shapes}, input_softmax {case.input_softmax}, bptt {case.bptt}'


if __name__ == '__main__':
    sys.exit(main())
