"""Facts about the digits, judged by plain NumPy and by what is published about MNIST."""

import numpy as np
import pytest

from core.data import mnist
from core.data.statistics import (
    class_counts,
    class_similarity,
    class_statistics,
    gray_values,
    ink_share,
    split_of,
)

SAMPLE = mnist.load("mnist-sample")


def test_the_sample_has_as_many_of_each_digit() -> None:
    assert class_counts("mnist-sample", "train").tolist() == [400] * 10
    assert class_counts("mnist-sample", "test").tolist() == [100] * 10


@pytest.mark.full_mnist
def test_the_full_set_has_the_published_counts() -> None:
    # http://yann.lecun.com/exdb/mnist: counted by many, not balanced.
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert class_counts("mnist", "train").tolist() == train
    assert class_counts("mnist", "test").tolist() == test


@pytest.mark.full_mnist
def test_the_full_set_has_the_published_mean_and_deviation() -> None:
    # 0.1307 and 0.3081, as PyTorch's MNIST example normalizes with.
    values, counts = np.arange(256) / 255, gray_values("mnist", "train")
    mean = np.average(values, weights=counts)
    deviation = np.sqrt(np.average((values - mean) ** 2, weights=counts))
    assert (round(mean, 4), round(deviation, 4)) == (0.1307, 0.3081)


def test_mean_and_variance_of_each_digit() -> None:
    statistics = class_statistics("mnist-sample", "test")
    for digit in (0, 7):
        its = SAMPLE.test.images[SAMPLE.test.labels == digit].astype(float)
        np.testing.assert_allclose(statistics.means[digit], its.mean(axis=0))
        np.testing.assert_allclose(statistics.variances[digit], its.var(axis=0), atol=1e-6)


def test_every_pixel_is_counted_once() -> None:
    counts = gray_values("mnist-sample", "train")
    assert counts.sum() == 4000 * 784
    assert counts[255] == (SAMPLE.train.images == 255).sum()


def test_ink_is_the_mean_of_the_picture() -> None:
    ink = ink_share("mnist-sample", "test")
    assert ink[3] == pytest.approx(100 * SAMPLE.test.images[3].mean() / 255, rel=1e-5)
    ones, zeros = (ink[SAMPLE.test.labels == digit].mean() for digit in (1, 0))
    assert ones < zeros


def test_likeness_is_the_cosine_with_the_mean_of_the_own_label() -> None:
    similarity = class_similarity("mnist-sample", "test")
    image, label = SAMPLE.test.images[11].astype(float).ravel(), SAMPLE.test.labels[11]
    mean = SAMPLE.test.images[SAMPLE.test.labels == label].mean(axis=0).ravel()
    cosine = image @ mean / np.linalg.norm(image) / np.linalg.norm(mean)
    assert similarity[11] == pytest.approx(cosine, rel=1e-5)
    assert 0 < similarity.min() < similarity.max() < 1


@pytest.mark.parametrize("table", [class_counts, gray_values, ink_share, class_similarity])
def test_what_all_visitors_share_cannot_be_changed(table: object) -> None:
    shared = table("mnist-sample", "test")  # type: ignore[operator]
    assert table("mnist-sample", "test") is shared  # type: ignore[operator]
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 1


def test_a_split_has_its_digits() -> None:
    assert split_of("mnist-sample", "train") is SAMPLE.train
    assert split_of("mnist-sample", "test") is SAMPLE.test
