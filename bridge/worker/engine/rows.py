"""The step of a loop that runs without autograd: what a call makes and only the next one reads is written over, and the
next carry lands in its row of all carries. So a step allocates nothing, and the rows need no copy to be one tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from srwm.worker.engine.calls import VALUE

_OVER: dict[object, Callable[..., Tensor]] = {
    torch.add: Tensor.add_,
    torch.sub: Tensor.sub_,
    torch.mul: Tensor.mul_,
    torch.div: Tensor.div_,
    torch.neg: Tensor.neg_,
    torch.clamp: Tensor.clamp_,
    torch.exp: Tensor.exp_,
    torch.sqrt: Tensor.sqrt_,
    torch.relu: Tensor.relu_,
    torch.sigmoid: Tensor.sigmoid_,
    torch.tanh: Tensor.tanh_,
}
"""Functions that can write over their first argument, with the same values."""
_EITHER = frozenset([torch.add, torch.mul])
"""Those whose two arguments may change places."""
_INTO = frozenset([*(_OVER.keys() - {torch.relu}), torch.where, torch.maximum, torch.minimum])
"""Functions with `out=`."""


def into_row(step: fx.GraphModule) -> fx.GraphModule | None:
    """`step`, elementwise with one carry, as (carry, *sources, row): `row` receives its first result and is it.

    None where the last calls of that result cannot do so.
    """
    graph = fx.Graph()
    made: Any = graph.graph_copy(step.graph, {})
    after: Any = made[0]
    last = next(node for node in reversed(graph.nodes) if node.op == 'placeholder')
    with graph.inserting_after(last):
        row = graph.placeholder('row')
    graph.output(made)
    for node in list(graph.nodes):
        _write_over(node)
    root = after
    while root.op == 'call_function' and root.target in _OVER.values():
        root = root.args[0]
    if root.op != 'call_function' or root.target not in _INTO or _dtype(root) != _dtype(after):
        return None
    root.kwargs = {**root.kwargs, 'out': row}
    return fx.GraphModule(step, graph)


def _write_over(node: fx.Node) -> None:
    if node.op != 'call_function' or node.target not in _OVER or node.kwargs:
        return
    args = list(node.args)
    if node.target in _EITHER and not _is_free(args[0], node):
        args.reverse()
    if _is_free(args[0], node):
        node.args, node.target = tuple(args), _OVER[node.target]


def _is_free(argument: object, node: fx.Node) -> bool:
    """Whether `argument` was made by the step for `node` alone, in the form that `node` has."""
    return (
        isinstance(argument, fx.Node)
        and argument.op == 'call_function'
        and (argument.target in _INTO or argument.target in _OVER.values())
        and set(argument.users) == {node}
        and argument.meta[VALUE] == node.meta[VALUE]
    )


def _dtype(node: fx.Node) -> str:
    return node.meta[VALUE].dtype
