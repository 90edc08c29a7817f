"""Linear algebra, windows, normalisation and losses."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from srwm.worker.engine.calls import Attributes, Call, Lowering, named, plain, renamed, with_attributes


def _einsum(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(torch.einsum, (attrs['equation'], *inputs), {})


def _convolution(target: Any) -> Lowering:
    """x, weight, optional bias; `dilation` and `groups` may be absent."""

    def lower(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
        bias = inputs[2] if len(inputs) == 3 else None
        settings = {name: value for name, value in attrs.items() if name not in ('stride', 'padding')}
        return Call(target, (inputs[0], inputs[1], bias, attrs['stride'], attrs['padding']), settings)

    return lower


def _to_size(target: Any) -> Lowering:
    return lambda inputs, attrs, device: Call(target, (*inputs, attrs['size']), {})


def _resized(mode: str) -> Lowering:
    return lambda inputs, attrs, device: Call(F.interpolate, (*inputs, attrs['size']), {'mode': mode})


def _rms_norm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(rms_norm, (*inputs,), {'epsilon': attrs['epsilon']})


def rms_norm(x: torch.Tensor, weight: torch.Tensor | None = None, *, epsilon: float) -> torch.Tensor:
    """Over the last dimension."""
    return torch.rms_norm(x, x.shape[-1:], weight, epsilon)


def _group_norm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    x, *affine = inputs
    return Call(torch.group_norm, (x, attrs['num_groups'], *affine), {'eps': attrs['epsilon']})


def _batch_norm(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    x, weight, bias, mean, variance = inputs
    return Call(F.batch_norm, (x, mean, variance, weight, bias), {'eps': attrs['epsilon']})


def _batch_norm_train(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    return Call(batch_norm_train, (*inputs, attrs['momentum'], attrs['epsilon']), {})


def batch_norm_train(*arguments: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """y and the new running statistics; nothing is changed in place."""
    results = torch.ops.aten._batch_norm_with_update_functional.default(*arguments)
    return results[0], results[4], results[5]


LAYERS: dict[str, Lowering] = {
    'aten.einsum.default': _einsum,
    'aten.linalg_cholesky.default': plain(torch.linalg.cholesky),
    'aten.linalg_inv.default': plain(torch.linalg.inv),
    'aten.linalg_solve.default': plain(torch.linalg.solve),
    'aten.linalg_solve_triangular.default': named(torch.linalg.solve_triangular),
    'aten.linalg_slogdet.default': plain(torch.linalg.slogdet),
    'aten.linalg_eigh.default': plain(torch.linalg.eigh),
    'aten.cdist.default': with_attributes(torch.cdist, 'p'),
    'aten.scaled_dot_product_attention.default': named(F.scaled_dot_product_attention),
    'aten.conv2d.default': _convolution(torch.conv2d),
    'aten.conv1d.default': _convolution(torch.conv1d),
    'aten.conv_transpose1d.default': _convolution(F.conv_transpose1d),
    'aten.conv_transpose2d.input': _convolution(F.conv_transpose2d),
    'aten.max_pool1d.default': with_attributes(F.max_pool1d, 'kernel', 'stride', 'padding'),
    'aten.avg_pool1d.default': renamed(F.avg_pool1d, {'kernel': 'kernel_size'}),
    'aten.avg_pool2d.default': renamed(F.avg_pool2d, {'kernel': 'kernel_size'}),
    'aten.adaptive_avg_pool1d.default': _to_size(F.adaptive_avg_pool1d),
    'aten.adaptive_avg_pool2d.default': _to_size(F.adaptive_avg_pool2d),
    'aten.adaptive_max_pool2d.default': _to_size(F.adaptive_max_pool2d),
    'aten.upsample_nearest2d.default': _resized('nearest'),
    'aten.upsample_bilinear2d.default': _resized('bilinear'),
    'aten.rms_norm.default': _rms_norm,
    'aten.group_norm.default': _group_norm,
    'aten.batch_norm.default': _batch_norm,
    'aten._batch_norm_with_update_functional.default': _batch_norm_train,
    'aten.cross_entropy_loss.default': named(F.cross_entropy),
    'aten.nll_loss_nd.default': named(F.nll_loss),
    'aten.binary_cross_entropy_with_logits.default': named(F.binary_cross_entropy_with_logits),
    'aten.mse_loss.default': named(F.mse_loss),
    'aten.l1_loss.default': named(F.l1_loss),
    'aten.smooth_l1_loss.default': named(F.smooth_l1_loss),
    'aten.huber_loss.default': named(F.huber_loss),
    'aten.kl_div.default': named(F.kl_div),
    'aten.cosine_similarity.default': renamed(F.cosine_similarity, {'epsilon': 'eps'}),
}
