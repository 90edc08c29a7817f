"""How a wire node becomes one call of torch: the pieces that the lowering tables are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

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

VALUE = 'srwm_value'
"""Under this name a node of a module remembers the shape and dtype of its value (a `ValueSpec`), if it has one."""


class Call(NamedTuple):
    """`target(*args, **kwargs)`; the inputs are fx nodes while building, tensors while interpreting."""

    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Attributes = dict[str, Any]
Lowering = Callable[[list[Any], Attributes, torch.device], Call]


def plain(target: Callable[..., Any]) -> Lowering:
    """All inputs, no attributes."""
    return lambda inputs, attrs, device: Call(target, tuple(inputs), {})


def with_attributes(target: Callable[..., Any], *names: str) -> Lowering:
    """All inputs, then these attributes by position."""
    return lambda inputs, attrs, device: Call(target, (*inputs, *(attrs[name] for name in names)), {})


def named(target: Callable[..., Any], **fixed: Any) -> Lowering:
    """All inputs, then every attribute under its own name, which is that of torch."""
    return lambda inputs, attrs, device: Call(target, tuple(inputs), {**attrs, **fixed})


def renamed(target: Callable[..., Any], names: dict[str, str], **fixed: Any) -> Lowering:
    """All inputs, then every attribute, some under torch's name for it."""

    def lower(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
        settings = {names.get(name, name): value for name, value in attrs.items()}
        return Call(target, tuple(inputs), {**settings, **fixed})

    return lower


def reduced(target: Callable[..., Any]) -> Lowering:
    """`dims` empty means all, which torch spells None."""

    def lower(inputs: list[Any], attrs: Attributes, device: torch.device) -> Call:
        if not attrs['dims'] and not attrs['keepdim']:
            return Call(target, tuple(inputs), {})
        return Call(target, (*inputs, attrs['dims'] or None, attrs['keepdim']), {})

    return lower
