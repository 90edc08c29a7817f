"""Plain functions instead of ATen overloads: the same values and gradients."""

from __future__ import annotations

import torch
from graph_builder import CPU, Builder
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from srwm.worker.engine.build import build_part
from srwm.worker.engine.plain_calls import plain_calls


def traced() -> tuple[fx.GraphModule, list[torch.Tensor]]:
    """Most of the table, over all steps at once."""
    b = Builder('part', {'x': ([3, 4], 'float64')}, {'w': ([5, 4], 'float64'), 'b': ([5], 'float64')})
    h = b.op('aten.relu.default', b.op('aten.linear.default', b['x'], b['w'], b['b']))
    scaled = b.op(
        'aten.div.Scalar', b.op('aten.mul.Scalar', b.op('aten.neg.default', h), other=2.5), other=3.0
    )
    gate = b.op('aten.sigmoid.default', b.op('aten.sub.Tensor', scaled, b.op('aten.tanh.default', h)))
    rows = b.op('aten.permute.default', b.op('aten.add.Scalar', gate, other=1.0), dims=[1, 0])
    product = b.op('aten.matmul.default', b.op('aten.exp.default', rows), b.op('aten.detach.default', b['x']))
    spread = b.op('aten.expand.default', b.op('aten.unsqueeze.default', product, dim=0), shape=[2, 5, 4])
    chosen = b.op('aten.select.int', spread, dim=0, index=1)
    spec = b.spec(y=b.op('aten.where.self', b.op('aten.gt.Scalar', chosen, other=1.0), chosen, b['w']))
    part = build_part(spec, range(len(spec.nodes)), [0, 1, 2], [spec.outputs[0].value], CPU)
    draw = torch.Generator().manual_seed(1)
    shapes = [[6, 3, 4], [5, 4], [5]]
    arguments = [torch.randn(s, dtype=torch.float64, generator=draw).requires_grad_() for s in shapes]
    batched = torch.vmap(part.forward, in_dims=(0, None, None))
    return make_fx(lambda *given: batched(*given), decomposition_table={})(*arguments), arguments


def test_values_and_gradients_stay_and_no_known_overload_is_left():
    module, arguments = traced()
    before = [node.target for node in module.graph.nodes if node.op == 'call_function']
    (wanted,) = module(*arguments)
    expected = torch.autograd.grad(wanted.square().sum(), arguments)
    plain = plain_calls(module)
    (got,) = plain.forward(*arguments)
    after = [node.target for node in plain.graph.nodes if node.op == 'call_function']
    assert sum(isinstance(target, torch._ops.OpOverload) for target in before) > 15
    assert sum(isinstance(target, torch._ops.OpOverload) for target in after) <= 3
    assert torch.equal(got, wanted)
    found = torch.autograd.grad(got.square().sum(), arguments)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_layer_is_one_call():
    def layer(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor]:
        return (torch.ops.aten.addmm.default(b, x, torch.ops.aten.t.default(w)),)

    arguments = [torch.randn(6, 4), torch.randn(5, 4), torch.randn(5)]
    part = plain_calls(fx.symbolic_trace(layer))
    assert [node.target for node in part.graph.nodes if node.op == 'call_function'] == [
        torch.nn.functional.linear
    ]
    assert torch.equal(part.forward(*arguments)[0], layer(*arguments)[0])
