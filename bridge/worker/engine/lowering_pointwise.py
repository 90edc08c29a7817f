"""Functions of one element, and arithmetic on integers and bits."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from srwm.worker.engine.calls import Attributes, Call, Lowering, named, plain, with_attributes


def _floor_divide(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
    # torch.floor_divide gives the same numbers, and an error where a gradient (of 0) should flow.
    return Call(torch.div, (*inputs, *attrs.values()), {'rounding_mode': 'floor'})


POINTWISE: dict[str, Lowering] = {
    'aten.pow.Tensor_Tensor': plain(torch.pow),
    'aten.floor_divide.default': _floor_divide,
    'aten.floor_divide.Scalar': _floor_divide,
    'aten.remainder.Tensor': plain(torch.remainder),
    'aten.remainder.Scalar': with_attributes(torch.remainder, 'other'),
    'aten.fmod.Tensor': plain(torch.fmod),
    'aten.fmod.Scalar': with_attributes(torch.fmod, 'other'),
    'aten.ne.Tensor': plain(torch.ne),
    'aten.logical_xor.default': plain(torch.logical_xor),
    'aten.bitwise_and.Tensor': plain(torch.bitwise_and),
    'aten.bitwise_or.Tensor': plain(torch.bitwise_or),
    'aten.bitwise_xor.Tensor': plain(torch.bitwise_xor),
    'aten.bitwise_not.default': plain(torch.bitwise_not),
    'aten.bitwise_left_shift.Tensor': plain(torch.bitwise_left_shift),
    'aten.bitwise_right_shift.Tensor': plain(torch.bitwise_right_shift),
    'aten.atan2.default': plain(torch.atan2),
    'aten.logaddexp.default': plain(torch.logaddexp),
    'aten.xlogy.Tensor': plain(torch.xlogy),
    'aten.copysign.Tensor': plain(torch.copysign),
    'aten.ceil.default': plain(torch.ceil),
    'aten.floor.default': plain(torch.floor),
    'aten.round.default': plain(torch.round),
    'aten.trunc.default': plain(torch.trunc),
    'aten.tan.default': plain(torch.tan),
    'aten.asin.default': plain(torch.asin),
    'aten.acos.default': plain(torch.acos),
    'aten.atan.default': plain(torch.atan),
    'aten.sinh.default': plain(torch.sinh),
    'aten.cosh.default': plain(torch.cosh),
    'aten.asinh.default': plain(torch.asinh),
    'aten.acosh.default': plain(torch.acosh),
    'aten.atanh.default': plain(torch.atanh),
    'aten.exp2.default': plain(torch.exp2),
    'aten.expm1.default': plain(torch.expm1),
    'aten.log2.default': plain(torch.log2),
    'aten.log10.default': plain(torch.log10),
    'aten.erf.default': plain(torch.erf),
    'aten.erfc.default': plain(torch.erfc),
    'aten.erfinv.default': plain(torch.erfinv),
    'aten.lgamma.default': plain(torch.lgamma),
    'aten.digamma.default': plain(torch.digamma),
    'aten.isnan.default': plain(torch.isnan),
    'aten.isinf.default': plain(torch.isinf),
    'aten.isfinite.default': plain(torch.isfinite),
    'aten.nan_to_num.default': named(torch.nan_to_num),
    'aten.leaky_relu.default': named(F.leaky_relu),
    'aten.mish.default': plain(F.mish),
    'aten.selu.default': plain(torch.selu),
    'aten.celu.default': named(F.celu),
    'aten.hardtanh.default': named(F.hardtanh),
    'aten.hardswish.default': plain(F.hardswish),
    'aten.hardsigmoid.default': plain(F.hardsigmoid),
    'aten.log_sigmoid.default': plain(F.logsigmoid),
    'aten.glu.default': named(F.glu),
}
