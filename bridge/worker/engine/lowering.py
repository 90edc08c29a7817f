"""The one table from wire operations to torch: plain functions, which cost half of what ATen overloads cost a call."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from srwm import kernels
from srwm.worker.engine.calls import (
    DTYPES,
    Attributes,
    Call,
    Lowering,
    named,
    plain,
    reduced,
    with_attributes,
)
from srwm.worker.engine.lowering_layers import LAYERS
from srwm.worker.engine.lowering_pointwise import POINTWISE
from srwm.worker.engine.lowering_tensors import TENSORS
from srwm.worker.engine.random import random_normal, random_uniform


def _joined(target: Callable[..., Any]) -> Lowering:
    return lambda inputs, attrs, device: Call(target, (list(inputs), attrs['dim']), {})


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


def _layer_norm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(layer_norm, (*inputs, attrs['epsilon']), {})


def layer_norm(x: torch.Tensor, *affine_and_epsilon: Any) -> torch.Tensor:
    """Over the last dimension; weight and bias may be absent."""
    *affine, epsilon = affine_and_epsilon
    weight, bias = affine or (None, None)
    return torch.layer_norm(x, x.shape[-1:], weight, bias, epsilon)


def _full(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = {'dtype': DTYPES[attrs['dtype']], 'device': device}
    return Call(torch.full, (attrs['shape'], attrs['value']), settings)


def _arange(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = {'dtype': DTYPES[attrs['dtype']], 'device': device}
    if 'start' not in attrs and 'step' not in attrs:
        return Call(torch.arange, (attrs['end'],), settings)
    return Call(torch.arange, (attrs.get('start', 0), attrs['end'], attrs.get('step', 1)), settings)


def _linspace(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = {'dtype': DTYPES[attrs['dtype']], 'device': device}
    return Call(torch.linspace, (attrs['start'], attrs['end'], attrs['steps']), settings)


def _eye(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(torch.eye, (attrs['n'], attrs['m']), {'dtype': DTYPES[attrs['dtype']], 'device': device})


def _constant(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(constant, (attrs['values'], attrs['shape'], DTYPES[attrs['dtype']], device), {})


def constant(values: list[float], shape: list[int], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Numbers that TypeScript wrote down; build.py keeps them as a buffer instead of making them at every call."""
    return torch.tensor(values, dtype=dtype, device=device).reshape(shape)


def cast(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """x as another dtype, in the memory order that it has."""
    return x.to(dtype)


def _srwm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(kernels.srwm, tuple(inputs), {'input_softmax': attrs['input_softmax'], 'bptt': attrs['bptt']})


def _delta_rule(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(kernels.delta_rule, tuple(inputs), {'bptt': attrs['bptt']})


LOWERINGS: dict[str, Lowering] = {
    'aten.add.Tensor': plain(torch.add),
    'aten.add.Scalar': with_attributes(torch.add, 'other'),
    'aten.sub.Tensor': plain(torch.sub),
    'aten.rsub.Scalar': with_attributes(torch.rsub, 'other'),
    'aten.mul.Tensor': plain(torch.mul),
    'aten.mul.Scalar': with_attributes(torch.mul, 'other'),
    'aten.div.Tensor': plain(torch.div),
    'aten.div.Scalar': with_attributes(torch.div, 'other'),
    'aten.reciprocal.default': plain(torch.reciprocal),
    'aten.pow.Tensor_Scalar': with_attributes(torch.pow, 'other'),
    'aten.maximum.default': plain(torch.maximum),
    'aten.minimum.default': plain(torch.minimum),
    'aten.clamp.default': with_attributes(torch.clamp, 'min', 'max'),
    'aten.where.self': plain(torch.where),
    'aten.eq.Tensor': plain(torch.eq),
    'aten.eq.Scalar': with_attributes(torch.eq, 'other'),
    'aten.ne.Scalar': with_attributes(torch.ne, 'other'),
    'aten.lt.Tensor': plain(torch.lt),
    'aten.lt.Scalar': with_attributes(torch.lt, 'other'),
    'aten.le.Tensor': plain(torch.le),
    'aten.le.Scalar': with_attributes(torch.le, 'other'),
    'aten.gt.Tensor': plain(torch.gt),
    'aten.gt.Scalar': with_attributes(torch.gt, 'other'),
    'aten.ge.Tensor': plain(torch.ge),
    'aten.ge.Scalar': with_attributes(torch.ge, 'other'),
    'aten.logical_not.default': plain(torch.logical_not),
    'aten.logical_and.default': plain(torch.logical_and),
    'aten.logical_or.default': plain(torch.logical_or),
    'aten.neg.default': plain(torch.neg),
    'aten.abs.default': plain(torch.abs),
    'aten.sign.default': plain(torch.sign),
    'aten.exp.default': plain(torch.exp),
    'aten.log.default': plain(torch.log),
    'aten.log1p.default': plain(torch.log1p),
    'aten.sqrt.default': plain(torch.sqrt),
    'aten.rsqrt.default': plain(torch.rsqrt),
    'aten.sin.default': plain(torch.sin),
    'aten.cos.default': plain(torch.cos),
    'aten.relu.default': plain(torch.relu),
    'aten.elu.default': named(F.elu),
    'aten.gelu.default': named(F.gelu),
    'aten.silu.default': plain(F.silu),
    'aten.sigmoid.default': plain(torch.sigmoid),
    'aten.tanh.default': plain(torch.tanh),
    'aten.softplus.default': named(F.softplus),
    'aten._to_copy.default': lambda inputs, attrs, device: Call(cast, (*inputs, DTYPES[attrs['dtype']]), {}),
    'aten.detach.default': plain(torch.Tensor.detach),
    'aten.sum.dim_IntList': reduced(torch.sum),
    'aten.mean.dim': reduced(torch.mean),
    'aten.amax.default': _extreme(torch.amax),
    'aten.amin.default': _extreme(torch.amin),
    'aten.var.correction': _var,
    'aten.logsumexp.default': _logsumexp,
    'aten.argmax.default': with_attributes(torch.argmax, 'dim', 'keepdim'),
    'aten.cumsum.default': with_attributes(torch.cumsum, 'dim'),
    'aten.softmax.int': with_attributes(torch.softmax, 'dim'),
    'aten.log_softmax.int': with_attributes(torch.log_softmax, 'dim'),
    'aten.reshape.default': with_attributes(torch.reshape, 'shape'),
    'aten.permute.default': with_attributes(torch.permute, 'dims'),
    'aten.expand.default': with_attributes(torch.Tensor.expand, 'shape'),
    'aten.unsqueeze.default': with_attributes(torch.unsqueeze, 'dim'),
    'aten.squeeze.dim': with_attributes(torch.squeeze, 'dim'),
    'aten.slice.Tensor': _slice,
    'aten.select.int': with_attributes(torch.select, 'dim', 'index'),
    'aten.flip.default': with_attributes(torch.flip, 'dims'),
    'aten.cat.default': _joined(torch.cat),
    'aten.stack.default': _joined(torch.stack),
    'aten.gather.default': lambda inputs, attrs, device: Call(
        torch.gather, (inputs[0], attrs['dim'], inputs[1]), {}
    ),
    'aten.index_select.default': lambda inputs, attrs, device: Call(
        torch.index_select, (inputs[0], attrs['dim'], inputs[1]), {}
    ),
    'aten.diagonal.default': lambda inputs, attrs, device: Call(
        torch.diagonal, (*inputs, attrs.get('offset', 0), -2, -1), {}
    ),
    'aten.matmul.default': plain(torch.matmul),
    'aten.linear.default': plain(F.linear),
    'aten.linalg_qr.default': plain(torch.linalg.qr),
    'aten.max_pool2d.default': with_attributes(torch.max_pool2d, 'kernel', 'stride', 'padding'),
    'aten.layer_norm.default': _layer_norm,
    'aten.full.default': _full,
    'aten.arange.default': _arange,
    'aten.linspace.default': _linspace,
    'aten.eye.m': _eye,
    'srwm.constant': _constant,
    'srwm.random_uniform': _random(random_uniform),
    'srwm.random_normal': _random(random_normal),
    'srwm.srwm': _srwm,
    'srwm.delta_rule': _delta_rule,
    **POINTWISE,
    **TENSORS,
    **LAYERS,
}
"""`srwm.scan` and `srwm.checkpoint` are missing on purpose: they hold graphs of their own, see build.py."""

take = operator.getitem
