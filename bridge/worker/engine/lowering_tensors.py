"""Reductions, orderings, positions that are tensors, and rearranging."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from srwm.worker.engine.calls import Attributes, Call, Lowering, named, reduced, with_attributes


def _prod(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(prod, (*inputs, attrs['dim'], attrs['keepdim']), {})


def prod(x: torch.Tensor, dim: int | None, keepdim: bool) -> torch.Tensor:
    """torch.prod, whose form for all elements keeps no dimension."""
    if dim is not None:
        return torch.prod(x, dim, keepdim)
    return torch.prod(x).reshape([1] * x.dim()) if keepdim else torch.prod(x)


def _deviation(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = {'correction': attrs['correction'], 'keepdim': attrs['keepdim']}
    return Call(torch.std, (*inputs, attrs['dims'] or None), settings)


def _norm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    settings = (attrs['ord'], attrs['dims'] or None, attrs['keepdim'])
    return Call(torch.linalg.vector_norm, (*inputs, *settings), {})


def _at_dim(target: Any) -> Lowering:
    """target(x, dim, *indices and sources)."""
    return lambda inputs, attrs, device: Call(target, (inputs[0], attrs['dim'], *inputs[1:]), {})


def _scatter_reduce(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    x, index, source = inputs
    settings = {'include_self': attrs['include_self']}
    return Call(torch.scatter_reduce, (x, attrs['dim'], index, source, attrs['reduce']), settings)


def _index(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    # x[i] would read a position without dimensions back to the host.
    return Call(torch.ops.aten.index.Tensor, (inputs[0], list(inputs[1:])), {})


def _index_put(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    x, values, *indices = inputs
    return Call(torch.index_put, (x, tuple(indices), values, attrs['accumulate']), {})


def _embedding(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    weight, positions = inputs
    return Call(F.embedding, (positions, weight), {})


def _unfold(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(torch.Tensor.unfold, (*inputs, attrs['dim'], attrs['size'], attrs['step']), {})


TENSORS: dict[str, Lowering] = {
    'aten.prod.dim_int': _prod,
    'aten.any.dims': reduced(torch.any),
    'aten.all.dims': reduced(torch.all),
    'aten.std.correction': _deviation,
    'aten.linalg_vector_norm.default': _norm,
    'aten.nansum.default': reduced(torch.nansum),
    'aten.nanmean.default': reduced(torch.nanmean),
    'aten.quantile.scalar': with_attributes(torch.quantile, 'q', 'dim', 'keepdim'),
    'aten.argmin.default': with_attributes(torch.argmin, 'dim', 'keepdim'),
    'aten.max.dim': with_attributes(torch.max, 'dim', 'keepdim'),
    'aten.min.dim': with_attributes(torch.min, 'dim', 'keepdim'),
    'aten.median.dim': with_attributes(torch.median, 'dim', 'keepdim'),
    'aten.sort.stable': named(torch.sort, stable=True),
    'aten.topk.default': named(torch.topk, sorted=True),
    'aten.cumprod.default': with_attributes(torch.cumprod, 'dim'),
    'aten.cummax.default': with_attributes(torch.cummax, 'dim'),
    'aten.cummin.default': with_attributes(torch.cummin, 'dim'),
    'aten.logcumsumexp.default': with_attributes(torch.logcumsumexp, 'dim'),
    'aten.searchsorted.Tensor': named(torch.searchsorted),
    'aten.repeat.default': with_attributes(torch.Tensor.repeat, 'repeats'),
    'aten.repeat_interleave.self_int': with_attributes(torch.repeat_interleave, 'repeats', 'dim'),
    'aten.roll.default': with_attributes(torch.roll, 'shifts', 'dims'),
    'aten.tril.default': with_attributes(torch.tril, 'diagonal'),
    'aten.triu.default': with_attributes(torch.triu, 'diagonal'),
    'aten.diag_embed.default': with_attributes(torch.diag_embed, 'offset'),
    'aten.split_with_sizes.default': with_attributes(torch.split, 'sizes', 'dim'),
    'aten.unbind.int': with_attributes(torch.unbind, 'dim'),
    'aten.pad.default': named(F.pad),
    'aten.unfold.default': _unfold,
    'aten.scatter.src': _at_dim(torch.scatter),
    'aten.scatter_add.default': _at_dim(torch.scatter_add),
    'aten.scatter_reduce.two': _scatter_reduce,
    'aten.index_add.default': _at_dim(torch.index_add),
    'aten.index_copy.default': _at_dim(torch.index_copy),
    'aten.take_along_dim.default': named(torch.take_along_dim),
    'aten.index.Tensor': _index,
    'aten.index_put.default': _index_put,
    'aten.masked_fill.Scalar': with_attributes(torch.masked_fill, 'value'),
    'aten.embedding.default': _embedding,
}
