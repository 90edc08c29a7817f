"""Traced parts call ATen overloads through Python; a plain function of torch does the same for half the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

_aten = torch.ops.aten
_PLAIN: dict[object, Callable[..., Any]] = {
    _aten.add.Tensor: torch.add,
    _aten.add.Scalar: torch.add,
    _aten.sub.Tensor: torch.sub,
    _aten.sub.Scalar: torch.sub,
    _aten.mul.Tensor: torch.mul,
    _aten.mul.Scalar: torch.mul,
    _aten.div.Tensor: torch.div,
    _aten.div.Scalar: torch.div,
    _aten.neg.default: torch.neg,
    _aten.exp.default: torch.exp,
    _aten.relu.default: torch.relu,
    _aten.relu_.default: torch.relu_,
    _aten.sigmoid.default: torch.sigmoid,
    _aten.tanh.default: torch.tanh,
    _aten.where.self: torch.where,
    _aten.addmm.default: torch.addmm,
    _aten.mm.default: torch.mm,
    _aten.bmm.default: torch.bmm,
    _aten.t.default: torch.t,
    _aten.transpose.int: torch.transpose,
    _aten.permute.default: torch.permute,
    _aten.unsqueeze.default: torch.unsqueeze,
    _aten.squeeze.dim: torch.squeeze,
    _aten.select.int: torch.select,
    _aten.view.default: Tensor.view,
    _aten.expand.default: Tensor.expand,
    _aten.detach.default: Tensor.detach,
}
"""Functions that take the same arguments by position."""


def plain_calls(part: fx.GraphModule) -> fx.GraphModule:
    """`part` with a plain function wherever one is known, and with `linear` for its two calls."""
    for node in part.graph.find_nodes(op='call_function', target=_aten.addmm.default):
        bias, rows, columns = node.args
        if columns.target is _aten.t.default and not node.kwargs:
            node.target, node.args = F.linear, (rows, columns.args[0], bias)
    part.graph.eliminate_dead_code()
    for node in part.graph.nodes:
        if node.op == 'call_function' and not node.kwargs:
            node.target = _PLAIN.get(node.target, node.target)
    part.recompile()
    return part
