"""A linear layer that vmap took apart is whole again, with the same values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch.fx.experimental.proxy_tensor import make_fx

from srwm.worker.engine.fuse import fuse_linear


def traced_over_steps(function, *examples):
    in_dims = (0, *(None for _ in examples[1:]))
    batched = torch.vmap(function, in_dims=in_dims)
    return make_fx(lambda *arguments: batched(*arguments), decomposition_table={})(*examples)


def targets(part):
    return [node.target for node in part.graph.nodes if node.op == 'call_function']


@pytest.mark.parametrize('shape', [(5, 3, 8), (5, 3, 2, 8)])
def test_a_linear_layer_becomes_one_addmm(shape):
    x, w, b = torch.randn(shape), torch.randn(4, 8), torch.randn(4)
    part = traced_over_steps(F.linear, x, w, b)
    assert torch.ops.aten.addmm.default not in targets(part)
    fuse_linear(part)
    assert targets(part).count(torch.ops.aten.addmm.default) == 1
    assert torch.ops.aten.add.Tensor not in targets(part)
    ours, expected = ([v.clone().requires_grad_() for v in (x, w, b)] for _ in range(2))
    cotangent = torch.randn(*shape[:-1], 4)
    results = part(*ours), F.linear(*expected)
    torch.testing.assert_close(*results)
    for result in results:
        result.backward(cotangent)
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(
    'function',
    [
        lambda x, w, b: torch.mm(x, w.t()) + b,
        lambda x, w, b: (lambda product: product * (product + b))(F.linear(x, w)),
        lambda x, w, b: F.linear(x, w) + 2 * b,
    ],
    ids=['a product and a sum', 'a product that is read twice', 'a scaled bias'],
)
def test_what_only_looks_like_one_keeps_its_values(function):
    x, w, b = torch.randn(5, 3, 8), torch.randn(4, 8), torch.randn(4)
    part = traced_over_steps(function, x, w, b)
    expected = part(x, w, b)
    torch.testing.assert_close(fuse_linear(part)(x, w, b), expected)


def test_a_relu_of_the_layer_alone_writes_over_it_before_the_view():
    x, w, b = torch.randn(5, 3, 8), torch.randn(4, 8), torch.randn(4)
    alone = fuse_linear(traced_over_steps(lambda *layer: F.linear(*layer).relu(), x, w, b))
    assert torch.ops.aten.relu_.default in targets(alone)
    read = fuse_linear(traced_over_steps(lambda *layer: (lambda y: y.relu() * y)(F.linear(*layer)), x, w, b))
    assert torch.ops.aten.relu_.default not in targets(read)
    for part, function in ((alone, lambda y: y.relu()), (read, lambda y: y.relu() * y)):
        ours, expected = ([v.clone().requires_grad_() for v in (x, w, b)] for _ in range(2))
        results = part(*ours), function(F.linear(*expected))
        torch.testing.assert_close(*results)
        for result in results:
            result.square().sum().backward()
        for one, other in zip(ours, expected, strict=True):
            torch.testing.assert_close(one.grad, other.grad)
