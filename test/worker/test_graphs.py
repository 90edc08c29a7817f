"""Graphs: what they take, how they fail, and where numbers went wrong."""

from __future__ import annotations

import hashlib
import struct

import pytest
import torch
from graph_builder import CPU, Builder, built, interpret

from srwm.worker.engine.graphs import Graphs, first_non_finite
from srwm.worker.engine.store import Store
from srwm.worker.errors import WorkerError
from srwm.worker.messages_gen import GraphSpec

X = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
W = torch.tensor([0.5, -1.0, 2.0])


def noisy_spec() -> GraphSpec:
    """log(x * w + noise), and the row sums of the product."""
    b = Builder('noisy', {'x': ([2, 3], 'float32'), 'key': ([], 'key')}, {'w': ([3], 'float32')})
    noise = b.op('srwm.random_uniform', b['key'], shape=[3], dtype='float32')
    product = b.op('aten.mul.Tensor', b['x'], b['w'])
    log = b.op('aten.log.default', b.op('aten.add.Tensor', product, noise))
    return b.spec(log=log, sums=b.op('aten.sum.dim_IntList', product, dims=[1], keepdim=False))


def test_arguments_are_inputs_then_parameters_whatever_the_order_of_the_names():
    graph = built(noisy_spec())
    arguments = graph.arguments({'key': 3, 'x': X}, {'other': X, 'w': W})
    assert [arguments[0] is X, arguments[1], arguments[2] is W] == [True, 3, True]
    for got, wanted in zip(graph.run(arguments), interpret(graph.spec, arguments), strict=True):
        torch.testing.assert_close(got, wanted, equal_nan=True)


@pytest.mark.parametrize(
    ('inputs', 'parameters', 'message'),
    [
        ({'x': X}, {'w': W}, 'input "key" is required'),
        ({'x': X, 'key': 1}, {}, 'parameter "w" is required'),
        ({'x': X, 'key': 1, 'z': X, 'y': X}, {'w': W}, r'inputs are "x", "key", got "y", "z"'),
        ({'x': X[:1], 'key': 1}, {'w': W}, r'input "x" must be float32 \[2, 3\], got float32 \[1, 3\]'),
        ({'x': X.double(), 'key': 1}, {'w': W}, 'input "x" must be float32 .*, got float64'),
        ({'x': X, 'key': 1}, {'w': W[:2]}, r'parameter "w" must be float32 \[3\], got float32 \[2\]'),
        ({'x': 1, 'key': 1}, {'w': W}, 'input "x" must be a float32 tensor, got a random key'),
        ({'x': X, 'key': torch.tensor(1)}, {'w': W}, 'input "key" must be a random key, got a tensor'),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(inputs, parameters, message):
    with pytest.raises(WorkerError, match=message) as caught:
        built(noisy_spec()).arguments(inputs, parameters)
    assert caught.value.code == 'GRAPH_INPUT'
    assert 'graph "noisy"' in caught.value.message


def test_an_output_that_does_not_exist_is_refused_with_those_that_do():
    graph = built(noisy_spec())
    assert graph.output_index('sums') == 1
    with pytest.raises(WorkerError, match='"log", "sums", got "loss"') as caught:
        graph.output_index('loss')
    assert caught.value.code == 'GRAPH_INPUT'


def test_a_graph_is_built_once_and_found_by_its_hash():
    graphs = Graphs()
    assert not graphs.load('a', noisy_spec(), CPU)
    assert graphs.load('a', noisy_spec(), CPU)
    with pytest.raises(WorkerError) as caught:
        graphs.get('b')
    assert caught.value.code == 'GRAPH_UNKNOWN'


def test_an_operation_that_the_worker_lacks_is_named():
    b = Builder('strange', {'x': ([2], 'float32')})
    b.op('aten.neg.default', b['x'])
    spec = b.spec(out=1)
    node = spec.nodes[0]
    strange = type(node)(
        **{**{name: getattr(node, name) for name in node.__struct_fields__}, 'op': 'aten.no.such'}
    )
    fields = {name: getattr(spec, name) for name in spec.__struct_fields__}
    with pytest.raises(WorkerError, match=r'aten\.no\.such') as caught:
        built(GraphSpec(**{**fields, 'nodes': [strange]}))
    assert caught.value.code == 'GRAPH_UNKNOWN_OP'


def test_inputs_and_parameters_may_be_outputs_themselves():
    b = Builder('handed', {'x': ([2, 3], 'float32')}, {'w': ([3], 'float32')})
    x, w, again = built(b.spec(x=b['x'], w=b['w'], again=b['x'])).run([X, W])
    assert x is X
    assert w is W
    assert again is X


def choosing_spec() -> GraphSpec:
    """Node 1 fails for an index that is out of range; nodes before and after it are sound."""
    b = Builder('choosing', {'x': ([3], 'float32'), 'index': ([2], 'int64')})
    doubled = b.op('aten.mul.Scalar', b['x'], other=2.0)
    chosen = b.op('aten.index_select.default', doubled, b['index'], dim=0)
    return b.spec(out=b.op('aten.neg.default', chosen))


def test_a_failure_names_its_node_and_operation():
    graph = built(choosing_spec())
    assert graph.run([W, torch.tensor([2, 0])])[0].tolist() == [-4.0, -1.0]
    with pytest.raises(WorkerError, match=r'graph "choosing": must run in aten\.index_select') as caught:
        graph.run([W, torch.tensor([2, 3])])
    assert (caught.value.code, caught.value.graph, caught.value.node) == ('GRAPH_FAILED', 'hash', 1)


def test_a_failure_inside_a_scan_names_the_scan():
    b = Builder('choose', {'h': ([3], 'float32'), 'index': ([1], 'int64')})
    chosen = b.op('aten.index_select.default', b['h'], b['index'], dim=0)
    body = b.spec(h=b.op('aten.add.Tensor', b['h'], chosen), chosen=chosen)
    g = Builder('outer', {'h': ([3], 'float32'), 'index': ([4, 1], 'int64')})
    negative = g.op('aten.neg.default', g['h'])
    graph = built(g.spec(out=g.scan(body, [negative, g['index']], num_carry=1, num_xs=1)[1]))
    with pytest.raises(WorkerError, match=r'srwm\.scan') as caught:
        graph.run([W, torch.tensor([[0], [1], [5], [2]])])
    assert caught.value.node == 1


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
@pytest.mark.parametrize('name', ['x', 'w'])
def test_a_source_that_is_not_finite_is_found_before_any_node(name, bad):
    values = {'x': X.clone(), 'w': W.clone()}
    values[name].view(-1)[1] = bad
    found = first_non_finite(built(noisy_spec()), {'x': values['x'], 'key': 1}, {'w': values['w']})
    assert found == (name, None)


def test_the_first_node_whose_result_is_not_finite_is_found():
    graph = built(noisy_spec())
    ops = [node.op for node in graph.spec.nodes]
    assert first_non_finite(graph, {'x': X, 'key': 1}, {'w': W.abs()}) == (None, None)
    # A negative product below the noise has no logarithm.
    source, node = first_non_finite(graph, {'x': X, 'key': 1}, {'w': W})
    assert (source, ops[node]) == (None, 'aten.log.default')


def test_a_node_that_is_not_finite_inside_a_scan_is_found_as_the_scan():
    b = Builder('shrink', {'h': ([1], 'float32'), 'x': ([1], 'float32')})
    body = b.spec(h=b.op('aten.sub.Tensor', b['h'], b['x']), log=b.op('aten.log.default', b['h']))
    g = Builder('outer', {'h': ([1], 'float32'), 'x': ([4, 1], 'float32')})
    results = g.scan(body, [g['h'], g['x']], num_carry=1, num_xs=1)
    graph = built(g.spec(log=results[1]))
    assert first_non_finite(graph, {'h': torch.tensor([9.0]), 'x': torch.ones(4, 1)}, {}) == (None, None)
    assert first_non_finite(graph, {'h': torch.tensor([2.5]), 'x': torch.ones(4, 1)}, {}) == (None, 0)


def store_with(values: dict[str, torch.Tensor]) -> Store:
    store = Store()
    store.add_set('agent', values)
    return store


def test_the_digest_is_that_of_names_shapes_and_little_endian_floats():
    image = torch.arange(8.0).reshape(1, 2, 2, 2)
    store = store_with({'b/weight': image, 'a': torch.tensor(0.5)})
    text = b'a\n\n' + struct.pack('<f', 0.5)
    text += b'b/weight\n1,2,2,2\n' + struct.pack('<8f', *range(8))
    assert store.digest('agent') == hashlib.sha256(text).hexdigest()
    assert store.parameters('agent')['b/weight'].is_contiguous(memory_format=torch.channels_last)


def test_the_digest_changes_with_any_value_name_or_shape():
    sets = [
        {'a': torch.tensor([1.0, 2.0])},
        {'a': torch.tensor([1.0, 2.0000002])},
        {'b': torch.tensor([1.0, 2.0])},
        {'a': torch.tensor([[1.0, 2.0]])},
        {'a': torch.tensor([1.0, 2.0]), 'b': torch.tensor([])},
    ]
    assert len({store_with(values).digest('agent') for values in sets}) == len(sets)


def test_a_set_owns_its_parameters_and_its_name():
    given = torch.tensor([1.0, 2.0])
    store = store_with({'a': given, 'b': given})
    with torch.no_grad():
        store.parameters('agent')['a'].zero_()
    assert given.tolist() == store.parameters('agent')['b'].tolist() == [1.0, 2.0]
    with pytest.raises(WorkerError) as caught:
        store.add_set('agent', {'a': given})
    assert caught.value.code == 'HANDLE_EXISTS'


@pytest.mark.parametrize('kind', ['parameters', 'optimizer', 'handle', 'digest'])
def test_names_that_nothing_has_are_refused(kind):
    with pytest.raises(WorkerError, match='"nobody"') as caught:
        getattr(Store(), kind)('nobody')
    assert caught.value.code == 'HANDLE_UNKNOWN'
