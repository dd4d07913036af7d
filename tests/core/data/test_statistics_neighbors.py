"""Nearest training digits, judged by scikit-learn."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core.data import mnist
from core.data.statistics import nearest_neighbors

SAMPLE = mnist.load("mnist-sample")


@pytest.mark.parametrize("index", [0, 123, 999])
def test_they_are_scikit_learns(index: int) -> None:
    judge = NearestNeighbors(n_neighbors=10).fit(SAMPLE.train.images.reshape(-1, 784).astype(float))
    image = SAMPLE.test.images[index]
    distances, indices = judge.kneighbors(image.reshape(1, -1).astype(float))
    ours = nearest_neighbors(image, "mnist-sample")
    assert [neighbor.index for neighbor in ours] == indices[0].tolist()
    assert [neighbor.label for neighbor in ours] == SAMPLE.train.labels[indices[0]].tolist()
    np.testing.assert_allclose(
        [neighbor.distance for neighbor in ours], distances[0] / 28, rtol=1e-3
    )


def test_a_training_digit_is_its_own_nearest_unless_it_is_left_out() -> None:
    image = SAMPLE.train.images[17]
    first = nearest_neighbors(image, "mnist-sample", 3)[0]
    assert (first.index, first.distance) == (17, pytest.approx(0, abs=0.5))
    assert 17 not in [
        neighbor.index for neighbor in nearest_neighbors(image, "mnist-sample", 3, skip=17)
    ]


def test_an_empty_picture_and_a_full_one_have_neighbors_too() -> None:
    # Nearest to nothing are the thinnest digits, nearest to a full square the fattest.
    ink = SAMPLE.train.images.astype(np.int64)
    squares = (ink**2).sum((1, 2))
    assert (
        nearest_neighbors(np.zeros((28, 28), np.uint8), "mnist-sample", 1)[0].index
        == squares.argmin()
    )
    far = ((255 - ink) ** 2).sum((1, 2))
    full = nearest_neighbors(np.full((28, 28), 255, np.uint8), "mnist-sample", 1)[0]
    assert far[full.index] == pytest.approx(far.min(), rel=1e-5)


def test_all_of_them_can_be_asked_for() -> None:
    neighbors = nearest_neighbors(SAMPLE.test.images[0], "mnist-sample", 4000)
    assert len({neighbor.index for neighbor in neighbors}) == 4000
    assert [neighbor.distance for neighbor in neighbors] == sorted(
        neighbor.distance for neighbor in neighbors
    )
