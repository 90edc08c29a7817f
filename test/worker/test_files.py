"""Tensor files: what is written is what is read, and damage is told."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from srwm.worker.engine.files import read_arrays, read_tensors, write_arrays, write_tensors
from srwm.worker.errors import WorkerError

CPU = torch.device('cpu')


@pytest.mark.parametrize(
    'dtype', [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]
)
@pytest.mark.parametrize('shape', [(), (3,), (2, 3), (0,), (2, 0, 3)])
def test_tensors_come_back_with_dtype_shape_and_values(tmp_path, dtype, shape):
    value = (torch.arange(int(np.prod(shape))).reshape(shape) % 2).to(dtype)
    write_tensors(str(tmp_path), 'some', {'a/b': value}, {'version': '3'})
    tensors, metadata = read_tensors(str(tmp_path), 'some', CPU)
    assert list(tensors) == ['a/b']
    assert tensors['a/b'].dtype == dtype
    assert tensors['a/b'].shape == value.shape
    assert torch.equal(tensors['a/b'], value)
    assert metadata['version'] == '3'


def test_tensors_that_share_memory_or_lie_in_another_order_are_written_whole(tmp_path):
    base = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    given = {
        'base': base,
        'row': base[0],
        'transposed': base.permute(3, 2, 1, 0),
        'expanded': base[:1, :1, :1, :1].expand(2, 3, 1, 1),
        'channels': base.to(memory_format=torch.channels_last),
        'parameter': base.clone().requires_grad_(),
    }
    write_tensors(str(tmp_path), 'some', given, {})
    tensors, _ = read_tensors(str(tmp_path), 'some', CPU)
    for name, value in given.items():
        assert torch.equal(tensors[name], value), name


@pytest.mark.parametrize('dtype', ['float32', 'float64', 'int64', 'int32', 'uint8', 'bool'])
@pytest.mark.parametrize('shape', [(), (3,), (2, 3), (0,), (2, 0, 3)])
def test_arrays_come_back_with_dtype_shape_and_values(tmp_path, dtype, shape):
    value = np.asarray(np.arange(int(np.prod(shape))).reshape(shape) % 2, dtype=dtype)
    write_arrays(str(tmp_path), 'some', {'a': value, 'turned': value.T})
    arrays = read_arrays(str(tmp_path), 'some')
    for name, wanted in {'a': value, 'turned': value.T}.items():
        assert arrays[name].dtype == wanted.dtype
        assert arrays[name].shape == wanted.shape
        np.testing.assert_array_equal(arrays[name], wanted)


def test_a_file_is_named_measured_and_hashed(tmp_path):
    sealed = write_arrays(str(tmp_path), 'some', {'a': np.arange(3)})
    content = (tmp_path / 'some.safetensors').read_bytes()
    assert sealed == {
        'name': 'some.safetensors',
        'bytes': len(content),
        'sha256': hashlib.sha256(content).hexdigest(),
    }


@pytest.mark.parametrize('damage', ['missing', 'cut', 'garbage', 'empty'])
@pytest.mark.parametrize('kind', ['tensors', 'arrays'])
def test_a_damaged_file_is_a_checkpoint_error_that_names_it(tmp_path, kind, damage):
    path = tmp_path / 'some.safetensors'
    write_arrays(str(tmp_path), 'some', {'a': np.arange(100)})
    match damage:
        case 'missing':
            path.unlink()
        case 'cut':
            path.write_bytes(path.read_bytes()[:-10])
        case 'garbage':
            path.write_bytes(b'\xff' * 200)
        case 'empty':
            path.write_bytes(b'')
    with pytest.raises(WorkerError, match='readable safetensors file') as caught:
        read_tensors(str(tmp_path), 'some', CPU) if kind == 'tensors' else read_arrays(str(tmp_path), 'some')
    assert caught.value.code == 'RUN_CHECKPOINT'
    assert str(path) in caught.value.message
