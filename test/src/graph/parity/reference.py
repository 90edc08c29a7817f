"""What torch says about operations and graphs that TypeScript drew: one JSON document in, one out.

`verdicts` run on fake tensors, which know shapes and dtypes only. `values` run twice on real ones: through the
worker's lowering, and through the ATen overload that the wire name says, called by its own schema. `gradients` are
held to finite differences in float64.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from srwm.worker.engine.build import build_module, holder
from srwm.worker.engine.calls import DTYPE_NAMES, DTYPES
from srwm.worker.engine.lowering import LOWERINGS
from srwm.worker.messages_gen import GraphSpec

CPU = torch.device('cpu')
KEY = 12345
REDUCTIONS = {'none': 0, 'mean': 1, 'sum': 2}
# Attributes whose schema name differs from ours.
RENAMED = {
    'dims': 'dim',
    'epsilon': 'eps',
    'kernel': 'kernel_size',
    'sizes': 'split_sizes',
    'size': 'output_size',
    'shape': 'size',
    'value': 'fill_value',
}
# Where the schema has our name after all.
OWN_NAMES = {
    'aten.permute.default',
    'aten.flip.default',
    'aten.roll.default',
    'aten.reshape.default',
    'aten.pad.default',
}
OWN_NAMES |= {'aten.masked_fill.Scalar'}
# Inputs that torch gives no gradient: statistics and class weights.
CONSTANT_INPUTS = {
    'aten.batch_norm.default': {3, 4},
    'aten._batch_norm_with_update_functional.default': {3, 4},
    'aten.cross_entropy_loss.default': {2},
    'aten.nll_loss_nd.default': {2},
}
SYMMETRIC = {'aten.linalg_cholesky.default', 'aten.linalg_eigh.default'}
# What a schema asks for and our operation fixes.
FIXED: dict[str, dict[str, Any]] = {
    'aten.diagonal.default': {'dim1': -2, 'dim2': -1},
    'aten.sort.stable': {'stable': True},
    'aten.topk.default': {'sorted': True},
    'aten.upsample_bilinear2d.default': {'align_corners': False},
    'aten.batch_norm.default': {'training': False, 'momentum': 0.0, 'cudnn_enabled': False},
}
# Calls that the schema alone does not decide.
SPECIAL: dict[str, Any] = {
    'aten.arange.default': lambda i, a: torch.ops.aten.arange.start_step(
        a.get('start', 0), a['end'], a.get('step', 1), dtype=DTYPES[a['dtype']]
    ),
    'aten.argmin.default': lambda i, a: torch.ops.aten.argmin.default(i[0], a['dim'], a['keepdim']),
    'aten.index_put.default': lambda i, a: torch.ops.aten.index_put.default(
        i[0], i[2:], i[1], a['accumulate']
    ),
    'aten.unfold.default': lambda i, a: torch.ops.aten.unfold.default(i[0], a['dim'], a['size'], a['step']),
    'aten.layer_norm.default': lambda i, a: torch.ops.aten.layer_norm.default(
        i[0], [i[0].shape[-1]], *i[1:], eps=a['epsilon']
    ),
    'aten.rms_norm.default': lambda i, a: torch.ops.aten.rms_norm.default(
        i[0], [i[0].shape[-1]], *i[1:], eps=a['epsilon']
    ),
    'aten.prod.dim_int': lambda i, a: (
        torch.ops.aten.prod.default(i[0]).reshape([1] * i[0].dim() if a['keepdim'] else [])
        if a['dim'] is None
        else torch.ops.aten.prod.dim_int(i[0], a['dim'], a['keepdim'])
    ),
    'aten.pow.Tensor_Scalar': lambda i, a: torch.ops.aten.pow.Tensor_Scalar(i[0], a['other']),
    'aten.rsub.Scalar': lambda i, a: torch.ops.aten.sub.Tensor(torch.tensor(a['other']), i[0]),
    'aten._batch_norm_with_update_functional.default': lambda i, a: torch.native_batch_norm(
        i[0], i[1], i[2], i[3].clone(), i[4].clone(), True, a['momentum'], a['epsilon']
    )[:1],
    'aten.adaptive_max_pool2d.default': lambda i, a: torch.ops.aten.adaptive_max_pool2d.default(
        i[0], a['size']
    )[:1],
    'aten.logsumexp.default': lambda i, a: torch.ops.aten.logsumexp.default(
        i[0], a['dims'] or list(range(i[0].dim())), a['keepdim']
    ),
    # A key and our own recurrences have no ATen form: test/worker and test/kernels hold them.
    'srwm.constant': lambda i, a: (
        torch.tensor(a['values'], dtype=torch.float64).to(DTYPES[a['dtype']]).reshape(a['shape'])
    ),
}


def listed(made: Any) -> list[torch.Tensor]:
    """The tensors of a result."""
    return [made] if isinstance(made, torch.Tensor) else list(made)


def lowered(op: str, attrs: dict[str, Any], inputs: list[Any]) -> list[torch.Tensor]:
    """What the worker runs."""
    call = LOWERINGS[op](inputs, attrs, CPU)
    return listed(call.target(*call.args, **call.kwargs))


def overload(op: str, attrs: dict[str, Any], inputs: list[Any]) -> list[torch.Tensor]:
    """The ATen overload of this name, its arguments bound by its schema."""
    if op in SPECIAL:
        return listed(SPECIAL[op](inputs, attrs))
    _, name, kind = op.split('.')
    target = getattr(getattr(torch.ops.aten, name), kind)
    names = {} if op in OWN_NAMES else RENAMED
    given = {names.get(key, key): value for key, value in attrs.items()} | FIXED.get(op, {})
    left, named = list(inputs), {}
    for argument in target._schema.arguments:
        kind_of = str(argument.type)
        if argument.name in given and 'Tensor' not in kind_of:
            value = given[argument.name]
            if argument.name == 'dtype':
                value = DTYPES[value]
            if argument.name == 'reduction':
                value = REDUCTIONS[value]
            if argument.name == 'dim' and value == [] and 'Optional' in kind_of:
                value = None
            named[argument.name] = value
        elif kind_of in ('Tensor', 'Optional[Tensor]') and left:
            named[argument.name] = left.pop(0)
        elif kind_of in ('List[Tensor]', 'List[Optional[Tensor]]'):
            named[argument.name], left = left, []
    return listed(target(**named))


def described(made: list[torch.Tensor]) -> list[str]:
    """As TypeScript's formatSpec."""
    return [f'{DTYPE_NAMES.get(t.dtype, t.dtype)}[{", ".join(map(str, t.shape))}]' for t in made]


def filled(wanted: dict[str, Any], generator: torch.Generator, dtype: str | None = None) -> Any:
    """Numbers that an operation can take."""
    shape, fill = wanted['shape'], wanted.get('fill')
    kind = DTYPES.get(dtype or wanted['dtype'])
    if kind is None:
        return KEY
    if fill == 'index':
        return torch.randint(0, max(1, wanted['limit']), shape, generator=generator).to(kind)
    drawn = torch.rand(shape, generator=generator, dtype=torch.float64)
    if fill == 'spd' and len(shape) > 1 and shape[-1] == shape[-2]:
        return (drawn @ drawn.mT + torch.eye(shape[-1], dtype=torch.float64)).to(kind)
    if fill == 'sorted':
        return (4 * drawn).sort(-1).values.to(kind)
    if kind.is_floating_point:
        return (drawn * 0.6 + 0.2 if fill == 'unit' else drawn * 1.6 - 0.7).to(kind)
    return (drawn * 3).to(kind)


def verdict(index: int, single: dict[str, Any]) -> dict[str, Any]:
    """Result specs on fake tensors, or what torch says against it; `doubted` ones must run on real tensors too."""
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            inputs = [
                KEY if w['dtype'] == 'key' else torch.zeros(w['shape'], dtype=DTYPES[w['dtype']])
                for w in single['inputs']
            ]
            specs = described(lowered(single['op'], single['attrs'], inputs))
        if single['doubted']:
            generator = torch.Generator().manual_seed(index)
            lowered(single['op'], single['attrs'], [filled(wanted, generator) for wanted in single['inputs']])
    except Exception as error:  # noqa: BLE001 - whatever torch raises is its verdict
        return {'error': f'{type(error).__name__}: {error}'[:300]}
    return {'specs': specs}


def one_by_one(spec: GraphSpec) -> Callable[..., list[torch.Tensor]]:
    """Every node once, in order."""

    def run(*arguments: Any) -> list[torch.Tensor]:
        values = list(arguments)
        for node in spec.nodes:
            inputs = [values[number] for number in node.inputs]
            held = node.body is not None
            values.extend(holder(node, CPU)(*inputs) if held else lowered(node.op, node.attrs, inputs))
        return [values[output.value] for output in spec.outputs]

    return run


def graph_verdict(index: int, spec: GraphSpec) -> dict[str, Any]:
    """Specs of all outputs on fake tensors: node by node, and every fourth through the function that is built."""
    try:
        run = build_module(spec, CPU).forward if index % 4 == 0 else one_by_one(spec)
        with FakeTensorMode(allow_non_fake_inputs=True):
            inputs = [torch.zeros(v.shape, dtype=DTYPES[v.dtype]) for v in (*spec.inputs, *spec.parameters)]
            return {'specs': described(list(run(*inputs)))}
    except Exception as error:  # noqa: BLE001
        return {'error': f'{type(error).__name__}: {error}'[:300]}


def value(index: int, single: dict[str, Any]) -> dict[str, Any]:
    """Specs of a real run, and how far it is from the ATen overload."""
    generator = torch.Generator().manual_seed(index)
    inputs = [filled(wanted, generator) for wanted in single['inputs']]
    try:
        made = lowered(single['op'], single['attrs'], inputs)
    except Exception as error:  # noqa: BLE001
        return {'error': f'{type(error).__name__}: {error}'[:300]}
    if single['op'].startswith('srwm.') and single['op'] != 'srwm.constant':
        return {'specs': described(made), 'difference': 0.0}
    try:
        other = overload(single['op'], single['attrs'], inputs)
    except Exception as error:  # noqa: BLE001
        return {'error': f'the overload: {type(error).__name__}: {error}'[:300]}
    differences = [
        torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a.double() - b.double()).abs()).max().item()
        for a, b in zip(made, other, strict=len(made) == len(other))
        if a.numel() > 0
    ]
    return {'specs': described(made), 'difference': max(differences, default=0.0)}


def gradient(index: int, single: dict[str, Any]) -> dict[str, Any]:
    """Analytic against numerical gradients of the worker's call, all floating inputs as float64 in (0.1, 0.9)."""
    generator = torch.Generator().manual_seed(index)
    op, constants = single['op'], CONSTANT_INPUTS.get(single['op'], set())
    inputs, leaves = [], []
    for position, wanted in enumerate(single['inputs']):
        floating = wanted['dtype'] in ('float64', 'float32', 'float16', 'bfloat16')
        x = filled(
            {**wanted, 'fill': 'spd'} if wanted.get('fill') == 'spd' else wanted,
            generator,
            'float64' if floating else None,
        )
        if floating and wanted.get('fill') != 'spd':
            x = torch.rand(wanted['shape'], generator=generator, dtype=torch.float64) * 0.8 + 0.1
        if op == 'aten.acosh.default':
            x = x + 1
        inputs.append(x)
        if floating and x.numel() > 0 and position not in constants:
            leaves.append(x.requires_grad_())

    def run(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        left = list(values)
        given = [left.pop(0) if any(x is leaf for leaf in leaves) else x for x in inputs]
        if op in SYMMETRIC:
            given = [(x + x.mT) / 2 for x in given]
        made = lowered(op, single['attrs'], given)
        # The sign of an eigenvector is a choice, and has no derivative.
        made = made[:1] if op == 'aten.linalg_eigh.default' else made
        return tuple(t for t in made if t.requires_grad)

    try:
        if not leaves or not (made := run(*leaves)) or not all(t.isfinite().all() for t in made):
            return {'checked': False}
        torch.autograd.gradcheck(run, leaves, eps=1e-6, atol=1e-5, rtol=1e-3)
    except Exception as error:  # noqa: BLE001
        return {'error': f'{type(error).__name__}: {error}'[:400]}
    return {'checked': True}


def main() -> None:
    """See the module."""
    warnings.simplefilter('ignore')
    # Fake tensors log every refusal with its stack; here refusals are answers.
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    asked = json.load(sys.stdin)
    answer = {
        'verdicts': [verdict(i, single) for i, single in enumerate(asked['verdicts'])],
        'graphs': [
            graph_verdict(i, msgspec.convert(spec, GraphSpec)) for i, spec in enumerate(asked['graphs'])
        ],
        'values': [value(i, single) for i, single in enumerate(asked['values'])],
        'gradients': [gradient(i, single) for i, single in enumerate(asked['gradients'])],
    }
    json.dump(answer, sys.stdout)


main()
