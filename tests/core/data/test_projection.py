"""Where the digits lie on the map, judged by NumPy's eigenvectors and by scikit-learn."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from core.data import mnist, projection
from core.data.projection import (
    METHODS,
    STORED_MAP,
    Method,
    Point,
    digit_at,
    neighbor_agreement,
    place_digit,
    point_positions,
    points_by_label,
    position_of,
)
from core.utils.errors import DatasetError

SAMPLE = mnist.load("mnist-sample")
IMAGES = np.concatenate([SAMPLE.train.images, SAMPLE.test.images])
LABELS = np.concatenate([SAMPLE.train.labels, SAMPLE.test.labels])


@pytest.fixture
def another_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A file of the test's own in place of the stored map."""
    for kept in (projection.point_positions, projection.points_by_label):
        kept.cache_clear()
    monkeypatch.setattr(projection, "STORED_MAP", tmp_path / "map.npz")
    yield tmp_path / "map.npz"
    for kept in (projection.point_positions, projection.points_by_label):
        kept.cache_clear()


def test_pca_is_the_one_of_the_covariances_eigenvectors() -> None:
    centerd = IMAGES.reshape(5000, 784) / 255
    centerd -= centerd.mean(axis=0)
    variances, directions = np.linalg.eigh(centerd.T @ centerd)
    ours = point_positions("mnist-sample", "pca")
    for k in (0, 1):  # eigh gives the largest last, and a direction may point either way
        theirs = centerd @ directions[:, -1 - k]
        sign = np.sign(theirs @ ours[:, k])
        np.testing.assert_allclose(ours[:, k], sign * theirs, atol=1e-3)
    shares = projection.load_projection("mnist-sample").shares
    np.testing.assert_allclose(shares, variances[:-3:-1] / variances.sum(), rtol=1e-5)


def test_each_digit_is_one_dot_of_its_label() -> None:
    map_points = points_by_label("mnist-sample", "pca")
    assert [(points.split, points.label) for points in map_points] == [
        (split, label) for split in ("train", "test") for label in range(10)
    ]
    for split, digits, start in (("train", SAMPLE.train, 0), ("test", SAMPLE.test, 4000)):
        mine = [points for points in map_points if points.split == split]
        indices = np.concatenate([points.indices for points in mine])
        assert sorted(indices.tolist()) == list(range(len(digits)))
        for points in mine:
            assert (digits.labels[points.indices] == points.label).all()
            np.testing.assert_array_equal(
                points.positions, point_positions("mnist-sample", "pca")[start + points.indices]
            )


def test_positions_go_through_the_training_digits_first() -> None:
    assert digit_at("mnist-sample", 0) == Point("train", 0, int(SAMPLE.train.labels[0]))
    assert digit_at("mnist-sample", 3999) == Point("train", 3999, int(SAMPLE.train.labels[3999]))
    assert digit_at("mnist-sample", 4000) == Point("test", 0, int(SAMPLE.test.labels[0]))
    assert position_of("mnist-sample", "test", 999) == 4999
    assert position_of("mnist-sample", "train", 4000) is None
    assert position_of("mnist-sample", "train", -1) is None
    for wrong in (-1, 5000):
        with pytest.raises(IndexError):
            digit_at("mnist-sample", wrong)


@pytest.mark.parametrize("way", METHODS)
@pytest.mark.parametrize("position", [5, 4321])
def test_a_digit_of_the_map_is_placed_where_it_lies(way: Method, position: int) -> None:
    placed = place_digit(IMAGES[position], "mnist-sample", way)
    assert placed.position == pytest.approx(
        point_positions("mnist-sample", way)[position], abs=1e-3
    )
    assert placed.nearest[0] == digit_at("mnist-sample", position)


def test_a_drawing_lies_between_the_five_digits_most_alike_it() -> None:
    # Moved by a pixel, a digit is a new one: no distance is 0.
    image = np.roll(SAMPLE.test.images[7], 1, axis=1)
    judge = NearestNeighbors(n_neighbors=5).fit(IMAGES.reshape(-1, 784).astype(float))
    distances, nearest = (part[0] for part in judge.kneighbors(image.reshape(1, -1).astype(float)))
    weights = (1 / distances) / (1 / distances).sum()
    expected = sum(
        w * point_positions("mnist-sample", "tsne")[k]
        for w, k in zip(weights, nearest, strict=True)
    )
    placed = place_digit(image, "mnist-sample", "tsne")
    assert placed.position == pytest.approx(expected, rel=1e-4)
    assert [point.label for point in placed.nearest] == LABELS[nearest].tolist()
    assert [position_of("mnist-sample", point.split, point.index) for point in placed.nearest] == (
        nearest.tolist()
    )


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("way", METHODS)
def test_whatever_is_drawn_has_a_place(way: Method, value: int) -> None:
    placed = place_digit(np.full((28, 28), value, np.uint8), "mnist-sample", way)
    assert np.isfinite(placed.position).all()


def test_the_stored_map_keeps_like_with_like_far_better_than_pca() -> None:
    """The claim of the page, by another judge: reading a digit by its neighbors on the map."""
    scores = {
        way: cross_val_score(
            KNeighborsClassifier(1), point_positions("mnist-sample", way), LABELS, cv=5
        ).mean()
        for way in METHODS
    }
    assert scores["tsne"] > 0.9
    assert scores["pca"] < 0.6
    for way in METHODS:
        assert neighbor_agreement("mnist-sample", way) == pytest.approx(scores[way], abs=0.02)


def test_the_stored_file_is_small_and_says_of_which_digits_it_is() -> None:
    assert STORED_MAP.stat().st_size < 300_000
    with np.load(STORED_MAP, allow_pickle=False) as archive:
        names = {f"{name}_{part}" for name in mnist.DATASETS for part in ("places", "digits")}
        assert set(archive.files) == names
        assert archive["mnist-sample_places"].shape == (5000, 2)  # no pixels
        assert archive["mnist_places"].shape == (10_000, 2)
        of = str(archive["mnist-sample_digits"])
    assert of == hashlib.sha256(IMAGES.tobytes() + LABELS.tobytes()).hexdigest()


@pytest.mark.full_mnist
def test_of_the_full_mnist_the_test_digits_are_on_the_map() -> None:
    test = mnist.load("mnist").test
    assert projection.map_digits("mnist").images is test.images  # shared, no copy
    assert digit_at("mnist", 7777) == Point("test", 7777, int(test.labels[7777]))
    assert position_of("mnist", "train", 0) is None
    map_points = points_by_label("mnist", "tsne")
    assert len(map_points) == 10
    score = cross_val_score(
        KNeighborsClassifier(1), point_positions("mnist", "tsne"), test.labels, cv=5
    )
    assert score.mean() > 0.9


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04"])
def test_a_stored_map_that_cannot_be_read(another_store: Path, content: bytes | None) -> None:
    if content is not None:
        another_store.write_bytes(content)
    with pytest.raises(DatasetError, match=r"cannot be read\. Choose PCA"):
        point_positions("mnist-sample", "tsne")
    assert len(point_positions("mnist-sample", "pca")) == 5000


@pytest.mark.parametrize("change", ["digits", "length"])
def test_a_map_of_other_digits_is_not_shown(another_store: Path, change: str) -> None:
    arrays = dict(np.load(STORED_MAP))
    if change == "digits":
        arrays["mnist-sample_digits"] = np.array(hashlib.sha256(b"others").hexdigest())
    else:
        arrays["mnist-sample_places"] = arrays["mnist-sample_places"][1:]
    np.savez(another_store, **arrays)
    with pytest.raises(DatasetError, match="of other digits"):
        point_positions("mnist-sample", "tsne")


@pytest.mark.parametrize("way", METHODS)
def test_visitors_share_the_arrays_and_cannot_change_them(way: Method) -> None:
    assert point_positions("mnist-sample", way) is point_positions("mnist-sample", way)
    assert points_by_label("mnist-sample", way) is points_by_label("mnist-sample", way)
    with pytest.raises(ValueError, match="read-only"):
        point_positions("mnist-sample", way)[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        points_by_label("mnist-sample", way)[0].positions[0, 0] = 0
