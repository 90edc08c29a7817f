"""What vmap takes apart and torch has whole: a layer over all steps at once is one `addmm` again, with its ReLU."""

from __future__ import annotations

import torch
from torch import fx

_aten = torch.ops.aten


def fuse_linear(part: fx.GraphModule) -> fx.GraphModule:
    """Turns `bias * 1 + view(mm(x, w))`, vmap's form of `linear`, into `view(addmm(bias, x, w))`.

    One pass over the result less, and one over its gradient. A ReLU of that alone writes over it, before the view.
    Nothing else of `part` changes.
    """
    graph = part.graph
    for node in list(graph.find_nodes(op='call_function', target=_aten.add.Tensor)):
        bias, rows = _bias(node.args[0]), node.args[1]
        product = _product(rows)
        if bias is None or product is None or node.kwargs:
            continue
        with graph.inserting_before(node):
            whole = graph.call_function(_aten.addmm.default, (bias, *product.args))
            shaped = graph.call_function(_aten.view.default, (whole, rows.args[1]))
        whole.meta.update(product.meta)
        shaped.meta.update(node.meta)
        node.replace_all_uses_with(shaped)
    graph.eliminate_dead_code()
    _relu_in_place(graph)
    part.recompile()
    return part


def _relu_in_place(graph: fx.Graph) -> None:
    """relu(view(addmm(...))), where nobody else reads either, as view(relu_(addmm(...)))."""
    for node in list(graph.find_nodes(op='call_function', target=_aten.relu.default)):
        view = node.args[0]
        if not isinstance(view, fx.Node) or view.target is not _aten.view.default or len(view.users) != 1:
            continue
        whole = view.args[0]
        if not isinstance(whole, fx.Node) or whole.target is not _aten.addmm.default or len(whole.users) != 1:
            continue
        with graph.inserting_before(view):
            over = graph.call_function(_aten.relu_.default, (whole,))
        over.meta.update(node.meta)
        view.args = (over, *view.args[1:])
        node.replace_all_uses_with(view)
        graph.erase_node(node)


def _bias(node: object) -> fx.Node | None:
    """The vector b of `b * 1`."""
    if not isinstance(node, fx.Node) or node.target is not _aten.mul.Scalar or node.args[1] != 1:
        return None
    bias = node.args[0]
    value = bias.meta.get('val') if isinstance(bias, fx.Node) else None
    if not isinstance(bias, fx.Node) or not isinstance(value, torch.Tensor) or value.dim() != 1:
        return None
    return bias


def _product(node: object) -> fx.Node | None:
    """The `mm` whose rows `node` only spreads over more dimensions, where nobody else reads either."""
    if not isinstance(node, fx.Node) or node.target is not _aten._unsafe_view.default or len(node.users) != 1:
        return None
    product = node.args[0]
    if not isinstance(product, fx.Node) or product.target is not _aten.mm.default or len(product.users) != 1:
        return None
    return product
