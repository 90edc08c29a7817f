"""The one table from wire operations to torch: plain functions, which cost half of what ATen overloads cost a call."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from srwm import kernels
from srwm.worker.engine.random import random_normal, random_uniform

DTYPES: dict[str, torch.dtype] = {
    'float64': torch.float64,
    'float32': torch.float32,
    'float16': torch.float16,
    'bfloat16': torch.bfloat16,
    'int64': torch.int64,
    'int32': torch.int32,
    'uint8': torch.uint8,
    'bool': torch.bool,
}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Call(NamedTuple):
    """`target(*args, **kwargs)`; the inputs are fx nodes while building, tensors while interpreting."""

    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Attributes = dict[str, Any]
Lowering = Callable[[list[Any], Attributes, torch.device], Call]


def _plain(target: Callable[..., Any]) -> Lowering:
    """All inputs, no attributes."""
    return lambda inputs, attrs, device: Call(target, tuple(inputs), {})


def _with(target: Callable[..., Any], *names: str) -> Lowering:
    """All inputs, then these attributes by position."""
    return lambda inputs, attrs, device: Call(target, (*inputs, *(attrs[name] for name in names)), {})


def _joined(target: Callable[..., Any]) -> Lowering:
    return lambda inputs, attrs, device: Call(target, (list(inputs), attrs['dim']), {})


def _reduced(target: Callable[..., Any]) -> Lowering:
    def lower(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
        if not attrs['dims'] and not attrs['keepdim']:
            return Call(target, tuple(inputs), {})
        return Call(target, (*inputs, attrs['dims'] or None, attrs['keepdim']), {})

    return lower


def _extreme(target: Callable[..., Any]) -> Lowering:
    return lambda inputs, attrs, device: Call(target, (*inputs, attrs['dims'], attrs['keepdim']), {})


def _random(target: Callable[..., Any]) -> Lowering:
    return lambda inputs, attrs, device: Call(
        target, (*inputs, attrs['shape'], DTYPES[attrs['dtype']], device), {}
    )


def _logsumexp(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(logsumexp, (*inputs, attrs['dims'], attrs['keepdim']), {})


def logsumexp(x: torch.Tensor, dims: list[int], keepdim: bool) -> torch.Tensor:
    """torch.logsumexp, with no dims meaning all of them."""
    return torch.logsumexp(x, dims or list(range(x.dim())), keepdim)


def _var(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = {'correction': attrs['correction'], 'keepdim': attrs['keepdim']}
    return Call(torch.var, (*inputs, attrs['dims'] or None), settings)


def _slice(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(slice_along, (*inputs, attrs['dim'], attrs['start'], attrs['end'], attrs['step']), {})


def slice_along(x: torch.Tensor, dim: int, start: int, end: int, step: int) -> torch.Tensor:
    """x[..., start:end:step, ...] along dim; a view."""
    return torch.ops.aten.slice.Tensor(x, dim, start, end, step)


def _conv2d(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    bias = inputs[2] if len(inputs) == 3 else None
    return Call(torch.conv2d, (inputs[0], inputs[1], bias, attrs['stride'], attrs['padding']), {})


def _layer_norm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(layer_norm, (*inputs, attrs['epsilon']), {})


def layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Over the last dimension."""
    return torch.layer_norm(x, weight.shape, weight, bias, epsilon)


def _full(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = {'dtype': DTYPES[attrs['dtype']], 'device': device}
    return Call(torch.full, (attrs['shape'], attrs['value']), settings)


def _arange(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(torch.arange, (attrs['end'],), {'dtype': DTYPES[attrs['dtype']], 'device': device})


def cast(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """x as another dtype, in the memory order that it has."""
    return x.to(dtype)


def _srwm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(kernels.srwm, tuple(inputs), {'input_softmax': attrs['input_softmax'], 'bptt': attrs['bptt']})


LOWERINGS: dict[str, Lowering] = {
    'aten.add.Tensor': _plain(torch.add),
    'aten.add.Scalar': _with(torch.add, 'other'),
    'aten.sub.Tensor': _plain(torch.sub),
    'aten.rsub.Scalar': _with(torch.rsub, 'other'),
    'aten.mul.Tensor': _plain(torch.mul),
    'aten.mul.Scalar': _with(torch.mul, 'other'),
    'aten.div.Tensor': _plain(torch.div),
    'aten.div.Scalar': _with(torch.div, 'other'),
    'aten.reciprocal.default': _plain(torch.reciprocal),
    'aten.pow.Tensor_Scalar': _with(torch.pow, 'other'),
    'aten.maximum.default': _plain(torch.maximum),
    'aten.minimum.default': _plain(torch.minimum),
    'aten.clamp.default': _with(torch.clamp, 'min', 'max'),
    'aten.where.self': _plain(torch.where),
    'aten.eq.Tensor': _plain(torch.eq),
    'aten.eq.Scalar': _with(torch.eq, 'other'),
    'aten.ne.Scalar': _with(torch.ne, 'other'),
    'aten.lt.Tensor': _plain(torch.lt),
    'aten.lt.Scalar': _with(torch.lt, 'other'),
    'aten.le.Tensor': _plain(torch.le),
    'aten.le.Scalar': _with(torch.le, 'other'),
    'aten.gt.Tensor': _plain(torch.gt),
    'aten.gt.Scalar': _with(torch.gt, 'other'),
    'aten.ge.Tensor': _plain(torch.ge),
    'aten.ge.Scalar': _with(torch.ge, 'other'),
    'aten.logical_not.default': _plain(torch.logical_not),
    'aten.logical_and.default': _plain(torch.logical_and),
    'aten.logical_or.default': _plain(torch.logical_or),
    'aten.neg.default': _plain(torch.neg),
    'aten.abs.default': _plain(torch.abs),
    'aten.sign.default': _plain(torch.sign),
    'aten.exp.default': _plain(torch.exp),
    'aten.log.default': _plain(torch.log),
    'aten.log1p.default': _plain(torch.log1p),
    'aten.sqrt.default': _plain(torch.sqrt),
    'aten.rsqrt.default': _plain(torch.rsqrt),
    'aten.sin.default': _plain(torch.sin),
    'aten.cos.default': _plain(torch.cos),
    'aten.relu.default': _plain(torch.relu),
    'aten.elu.default': _plain(F.elu),
    'aten.gelu.default': _plain(F.gelu),
    'aten.silu.default': _plain(F.silu),
    'aten.sigmoid.default': _plain(torch.sigmoid),
    'aten.tanh.default': _plain(torch.tanh),
    'aten.softplus.default': _plain(F.softplus),
    'aten._to_copy.default': lambda inputs, attrs, device: Call(cast, (*inputs, DTYPES[attrs['dtype']]), {}),
    'aten.detach.default': _plain(torch.Tensor.detach),
    'aten.sum.dim_IntList': _reduced(torch.sum),
    'aten.mean.dim': _reduced(torch.mean),
    'aten.amax.default': _extreme(torch.amax),
    'aten.amin.default': _extreme(torch.amin),
    'aten.var.correction': _var,
    'aten.logsumexp.default': _logsumexp,
    'aten.argmax.default': _with(torch.argmax, 'dim', 'keepdim'),
    'aten.cumsum.default': _with(torch.cumsum, 'dim'),
    'aten.softmax.int': _with(torch.softmax, 'dim'),
    'aten.log_softmax.int': _with(torch.log_softmax, 'dim'),
    'aten.reshape.default': _with(torch.reshape, 'shape'),
    'aten.permute.default': _with(torch.permute, 'dims'),
    'aten.expand.default': _with(torch.Tensor.expand, 'shape'),
    'aten.unsqueeze.default': _with(torch.unsqueeze, 'dim'),
    'aten.squeeze.dim': _with(torch.squeeze, 'dim'),
    'aten.slice.Tensor': _slice,
    'aten.select.int': _with(torch.select, 'dim', 'index'),
    'aten.flip.default': _with(torch.flip, 'dims'),
    'aten.cat.default': _joined(torch.cat),
    'aten.stack.default': _joined(torch.stack),
    'aten.gather.default': lambda inputs, attrs, device: Call(
        torch.gather, (inputs[0], attrs['dim'], inputs[1]), {}
    ),
    'aten.index_select.default': lambda inputs, attrs, device: Call(
        torch.index_select, (inputs[0], attrs['dim'], inputs[1]), {}
    ),
    'aten.diagonal.default': lambda inputs, attrs, device: Call(torch.diagonal, (*inputs, 0, -2, -1), {}),
    'aten.matmul.default': _plain(torch.matmul),
    'aten.linear.default': _plain(F.linear),
    'aten.linalg_qr.default': _plain(torch.linalg.qr),
    'aten.conv2d.default': _conv2d,
    'aten.max_pool2d.default': _with(torch.max_pool2d, 'kernel', 'stride', 'padding'),
    'aten.layer_norm.default': _layer_norm,
    'aten.full.default': _full,
    'aten.arange.default': _arange,
    'srwm.random_uniform': _random(random_uniform),
    'srwm.random_normal': _random(random_normal),
    'srwm.srwm': _srwm,
}
"""`srwm.scan` is missing on purpose: it holds a graph of its own and is built by scan.py."""

take = operator.getitem
