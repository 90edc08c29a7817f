"""Films: what is written holds every frame that was given, in order and colour, or is not there at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from srwm.worker.engine.films import Films
from srwm.worker.errors import WorkerError


def frames(count: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator)


def drawn(path: Path) -> list[np.ndarray]:
    with Image.open(path) as picture:
        found = []
        for index in range(picture.n_frames):
            picture.seek(index)
            found.append(np.asarray(picture.convert('RGBA' if 'A' in picture.mode else picture.mode)))
    return found


@pytest.mark.parametrize('shape', [(5, 4, 3), (5, 4, 4), (5, 4, 1), (5, 4)])
@pytest.mark.parametrize('scale', [1, 3])
def test_a_film_shows_every_frame_as_it_was(tmp_path, shape, scale):
    films, given = Films(), frames(7, *shape)
    films.append('a', given[:3])
    films.append('b', given[:1])
    films.append('a', given[3:])
    file = tmp_path / 'a.png'
    text = {'Description': json.dumps({'level': 3, 'game': 'Größe'})}
    count, size = films.write('a', file, frame_milliseconds=40, scale=scale, text=text)
    assert (count, size) == (7, file.stat().st_size)
    found = drawn(file)
    assert len(found) == 7
    for picture, frame in zip(found, given.numpy(), strict=True):
        expected = frame.reshape(frame.shape[:2]) if shape[2:] == (1,) else frame
        np.testing.assert_array_equal(picture, expected.repeat(scale, 0).repeat(scale, 1))
    with Image.open(file) as picture:
        assert picture.info['duration'] == 40
        assert json.loads(picture.text['Description']) == {'level': 3, 'game': 'Größe'}
    # Written once, and then forgotten.
    with pytest.raises(WorkerError) as caught:
        films.write('a', file, frame_milliseconds=40, scale=1, text={})
    assert caught.value.code == 'HANDLE_UNKNOWN'


def test_frames_are_copied(tmp_path):
    films, given = Films(), frames(2, 3, 3, 3)
    expected = given.clone().numpy()
    films.append('a', given)
    given.zero_()
    films.write('a', tmp_path / 'a.png', frame_milliseconds=10, scale=1, text={})
    np.testing.assert_array_equal(np.stack(drawn(tmp_path / 'a.png')), expected)


@pytest.mark.parametrize(
    'wrong', [torch.zeros(2, 4), torch.zeros(2, 4, 4, 3), torch.zeros(2, 4, 4, 2, dtype=torch.uint8)]
)
def test_what_is_no_image_is_refused(wrong):
    with pytest.raises(WorkerError) as caught:
        Films().append('a', wrong)
    assert caught.value.code == 'RECORD_IMAGES'


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    films = Films()
    films.append('a', frames(2, 3, 3, 3))
    (tmp_path / 'a.png').mkdir()
    with pytest.raises(WorkerError) as caught:
        films.write('a', tmp_path / 'a.png', frame_milliseconds=10, scale=1, text={})
    assert caught.value.code == 'RECORD_WRITE'
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
