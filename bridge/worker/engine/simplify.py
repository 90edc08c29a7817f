"""What a built module need not do at every call, or can leave to one call of torch. Each rule keeps every value:

- what depends on no input and no parameter is computed once, when the module is built;
- equal calls are made once: both use one result, and their gradients are summed before they are passed back;
- a square is torch's squared error, whose backward pass is one pass over the data instead of three, together with
  the difference below it and the mean or sum above it;
- a ReLU writes over the result below it that nobody else reads and no backward pass needs;
- numbers in arithmetic are tensors from the start.

Values are the same bit for bit, gradients are the same sums in another order. A result that may share memory with an
output of the module is never one that another call or another output could see.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from srwm.worker.engine.blocks import pooled_convolution, residual_block, use_blocks
from srwm.worker.engine.calls import VALUE
from srwm.worker.engine.convolutions import convolution, use_kernels
from srwm.worker.engine.lowering import cast, layer_norm, logsumexp, slice_along, take
from srwm.worker.engine.poolings import use_pooling
from srwm.worker.messages_gen import ValueSpec

_FRESH = frozenset(
    [
        *(torch.add, torch.sub, torch.rsub, torch.mul, torch.div, torch.reciprocal, torch.pow, torch.where),
        *(torch.maximum, torch.minimum, torch.clamp, torch.eq, torch.ne, torch.lt, torch.le, torch.gt),
        *(torch.ge, torch.logical_not, torch.logical_and, torch.logical_or, torch.neg, torch.abs),
        *(torch.sign, torch.exp, torch.log, torch.log1p, torch.sqrt, torch.rsqrt, torch.sin, torch.cos),
        *(torch.relu, torch.sigmoid, torch.tanh, torch.sum, torch.mean, torch.amax, torch.amin, torch.var),
        *(torch.argmax, torch.cumsum, torch.softmax, torch.log_softmax, torch.cat, torch.stack),
        *(torch.gather, torch.index_select, torch.matmul, torch.full, torch.arange, torch.linspace),
        *(torch.eye, torch.tril, torch.triu, F.linear, F.elu, F.gelu, F.silu, layer_norm, logsumexp),
    ]
)
"""Functions of their arguments alone whose result shares no memory with them."""
_VIEWS = frozenset(
    [
        *(torch.reshape, torch.permute, torch.Tensor.expand, torch.unsqueeze, torch.squeeze, slice_along),
        *(torch.select, torch.diagonal, torch.Tensor.detach, cast, take),
    ]
)
"""Functions of their arguments alone whose result may share memory with them."""
_SQUARED_ERROR: Any = torch._C._nn.mse_loss  # pyright: ignore[reportAttributeAccessIssue]
"""Of equal shapes or a number; F.mse_loss would warn of the latter. As a plain function, see lowering.py."""
_LARGEST = 2**20
"""Elements of a value that is kept from call to call."""


def simplify(module: fx.GraphModule, device: torch.device) -> fx.GraphModule:
    """Rewrites `module` by the rules above."""
    outside = _seen_outside(module.graph)
    _compute_once(module, outside)
    _share(module.graph, outside)
    _square(module, device)
    use_kernels(module.graph, device)
    use_pooling(module.graph, device)
    use_blocks(module.graph, device)
    _relu_in_place(module.graph)
    module.graph.lint()
    return keep_numbers(module)


def _seen_outside(graph: fx.Graph) -> set[fx.Node]:
    """Nodes whose memory an output of the module may be."""
    outside: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if any(user.op == 'output' or (user.target not in _FRESH and user in outside) for user in node.users):
            outside.add(node)
    return outside


def _compute_once(module: fx.GraphModule, outside: set[fx.Node]) -> None:
    values: dict[fx.Node, Tensor] = {}
    for node in module.graph.nodes:
        if node.op == 'get_attr':
            values[node] = getattr(module, str(node.target))
        elif _is_pure(node) and node not in outside and all(a in values for a in node.all_input_nodes):
            value = _value(node, values)
            if value is not None:
                values[node] = value
    for node in reversed(list(values)):
        if node.op == 'get_attr':
            continue
        if any(user not in values for user in node.users):
            _replace(node, _buffer(module, node, f'once_{node.name}', values[node]))
    for node in reversed(list(values)):
        if not node.users:
            module.graph.erase_node(node)


def _value(node: fx.Node, values: dict[fx.Node, Tensor]) -> Tensor | None:
    def given(argument: fx.Node) -> Tensor:
        return values[argument]

    assert callable(node.target)
    try:
        made = node.target(*fx.map_arg(node.args, given), **fx.map_arg(node.kwargs, given))
    # The run that reaches the node reports it, with the author's line.
    except Exception:  # noqa: BLE001
        return None
    return made if isinstance(made, Tensor) and made.numel() <= _LARGEST else None


def _buffer(module: fx.GraphModule, before: fx.Node, name: str, value: Tensor) -> fx.Node:
    module.register_buffer(name, value)
    with module.graph.inserting_before(before):
        return module.graph.get_attr(name)


def _share(graph: fx.Graph, outside: set[fx.Node]) -> None:
    made: dict[str, fx.Node] = {}
    for node in list(graph.nodes):
        if not _is_pure(node):
            continue
        # `repr` tells 1 from 1.0 and True, and 0.0 from -0.0.
        first = made.setdefault(f'{id(node.target)} {node.args!r} {node.kwargs!r}', node)
        # Two outputs must not become one tensor: their readers may write to them.
        if first is not node and not (first in outside and node in outside):
            if node in outside:
                outside.add(first)
            node.replace_all_uses_with(first)
            graph.erase_node(node)


def _square(module: fx.GraphModule, device: torch.device) -> None:
    graph = module.graph
    for node in list(graph.find_nodes(op='call_function', target=torch.mul)):
        value: ValueSpec | None = node.meta.get(VALUE)
        if node.args[0] is not node.args[1] or value is None or value.dtype not in _WIDE:
            continue
        difference = node.args[0]
        operands = _difference(node, difference)
        if operands is None:
            zero = torch.zeros((), dtype=_WIDE[value.dtype], device=device)
            operands = (difference, _buffer(module, node, f'zero_{node.name}', zero))
        top, reduction = _reduction(node)
        with graph.inserting_before(top):
            error = graph.call_function(_SQUARED_ERROR, (*operands, reduction))
        error.meta.update(node.meta, **{VALUE: top.meta[VALUE]})
        _replace(top, error)
        for former in dict.fromkeys((top, node, difference)):
            if not former.users and former.op == 'call_function':
                graph.erase_node(former)


def _difference(square: fx.Node, node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """The two sides of a difference of equal shapes that only its square reads."""
    if node.op != 'call_function' or node.target is not torch.sub or set(node.users) != {square}:
        return None
    sides: Any = node.args
    values = [side.meta.get(VALUE) if isinstance(side, fx.Node) else None for side in sides]
    return sides if values[0] is not None and values[0] == values[1] == node.meta[VALUE] else None


def _reduction(square: fx.Node) -> tuple[fx.Node, int]:
    """What only the mean or sum over all elements reads goes into it: its node, and torch's number for it."""
    (user, *others) = square.users
    numbers = {torch.mean: 1, torch.sum: 2}
    if others or user.op != 'call_function' or user.args != (square,) or user.kwargs:
        return square, 0
    number = numbers.get(user.target)
    return (square, 0) if number is None else (user, number)


def _relu_in_place(graph: fx.Graph) -> None:
    for node in list(graph.find_nodes(op='call_function', target=torch.relu)):
        below = node.args[0]
        if not isinstance(below, fx.Node) or below.op != 'call_function' or len(below.users) != 1:
            continue
        value: ValueSpec | None = below.meta.get(VALUE)
        if value is not None and _RESULT_UNREAD.get(below.target, -1) in (0, len(value.shape)):
            node.target = torch.relu_


_RESULT_UNREAD = {
    torch.add: 0,
    torch.sub: 0,
    torch.mul: 0,
    F.linear: 0,
    torch.conv1d: 3,
    torch.conv2d: 4,
    convolution: 0,
    residual_block: 0,
    pooled_convolution: 0,
}
"""Functions whose backward pass does not read their result, which is no view; with how many dimensions, or any (0)."""


def keep_numbers(module: fx.GraphModule) -> fx.GraphModule:
    """Numbers in arithmetic become tensors once: torch makes and casts one at every call, which takes as long again."""
    kept: dict[tuple[float, str], str] = {}
    for node in list(module.graph.nodes):
        value: ValueSpec | None = node.meta.get(VALUE)
        if node.target not in _ARITHMETIC or node.kwargs or len(node.args) != 2 or value is None:
            continue
        x, number = node.args
        # In other types torch computes with more digits of a number than a tensor of that type has.
        if value.dtype not in _WIDE or not isinstance(x, fx.Node) or type(number) not in (int, float):
            continue
        if x.meta.get(VALUE) != value:
            continue
        name = kept.setdefault((number, value.dtype), f'number_{len(kept)}')
        if not hasattr(module, name):
            # On the CPU: also a kernel on a GPU takes it as an argument.
            module.register_buffer(name, torch.tensor(number, dtype=_WIDE[value.dtype]))
        with module.graph.inserting_before(node):
            node.args = (x, module.graph.get_attr(name))
    module.recompile()
    return module


_ARITHMETIC = frozenset([torch.add, torch.sub, torch.mul, torch.div])
_WIDE = {'float32': torch.float32, 'float64': torch.float64}


def _is_pure(node: fx.Node) -> bool:
    return node.op == 'call_function' and (node.target in _FRESH or node.target in _VIEWS)


def _replace(node: fx.Node, by: fx.Node) -> None:
    node.replace_all_uses_with(by, delete_user_cb=lambda user: user is not by)
