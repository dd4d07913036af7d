"""The input pipeline: every digit once an epoch, repeatable, and warped as SciPy would warp it."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from core.data import mnist
from core.data import normalization as numpy_scaling
from core.data.augmentation import Augmentation
from core.data.mnist import Split
from core.recipes.recipe import Recipe
from tests.conftest import dense_recipe

tf = pytest.importorskip("tensorflow")
from core.training import input_pipeline  # noqa: E402 - after TensorFlow is known to be there

N, BATCH = 70, 16  # four whole batches and one of six
Batches = list[tuple[NDArray[np.float32], NDArray[Any]]]


@pytest.fixture(scope="module")
def marked() -> Split:
    """Pictures that carry their own number in every pixel, so that each can be told apart."""
    numbers = np.arange(N, dtype=np.uint8)
    return Split(np.tile(numbers[:, None, None], (1, 28, 28)), numbers % 10)


def batches(split: Split, **changes: object) -> Batches:
    recipe = dense_recipe(batch_size=BATCH, **changes)
    return [(x.numpy(), y.numpy()) for x, y in input_pipeline.training_batches(split, recipe)]


def numbers_seen(chosen: Batches) -> list[int]:
    return [round(float(value) * 255) for x, _ in chosen for value in x[:, 0, 0, 0]]


def test_every_epoch_holds_every_digit_once_in_a_new_order(marked: Split) -> None:
    pairs = batches(marked, epochs=3)
    assert [len(x) for x, _ in pairs] == [16, 16, 16, 16, 6] * 3
    epochs = [numbers_seen(pairs[start : start + 5]) for start in (0, 5, 10)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(N))
        assert epoch != list(range(N))
    assert all(earlier != later for earlier, later in pairwise([*epochs, epochs[0]]))


def test_no_thread_tunes_what_is_fixed(marked: Split) -> None:
    # The end of a training waits for that thread, which sleeps for up to a minute.
    for dataset in (
        input_pipeline.training_batches(marked, dense_recipe()),
        input_pipeline.evaluation_batches(marked, dense_recipe()),
    ):
        assert dataset.options().autotune.enabled is False


def test_labels_stay_with_their_digits(marked: Split) -> None:
    pairs = batches(marked, epochs=2)
    labels = np.concatenate([y for _, y in pairs])
    assert labels.tolist() == [number % 10 for number in numbers_seen(pairs)]


def test_a_smaller_last_batch_can_be_left_out(marked: Split) -> None:
    pairs = batches(marked, epochs=3, drop_remainder=True)
    assert [len(x) for x, _ in pairs] == [16] * 4 * 3
    left_out = [set(range(N)) - set(numbers_seen(pairs[start : start + 4])) for start in (0, 4, 8)]
    assert [len(numbers) for numbers in left_out] == [6] * 3
    assert left_out[0] != left_out[1]  # other digits each time


@pytest.mark.parametrize("kind", ["pens", "corruptions"])
def test_pens_and_corruptions_change_their_share_of_the_digits_and_no_label(kind: str) -> None:
    split = mnist.load("mnist-sample").train.take(slice(400))
    plain, augmented = (
        batches(split, augmentation=augmentation, seed=9)
        for augmentation in (Augmentation(), Augmentation(**{kind: 0.4}))
    )
    changed = []
    for (x, y), (x_augmented, y_augmented) in zip(plain, augmented, strict=True):
        np.testing.assert_array_equal(y, y_augmented)
        changed += (np.abs(x - x_augmented).max(axis=(1, 2, 3)) > 0.05).tolist()
    assert np.mean(changed) == pytest.approx(0.4, abs=0.08)


def test_last_batch_is_no_shorter_when_the_digits_fill_it(marked: Split) -> None:
    assert [len(x) for x, _ in batches(marked.take(slice(32)))] == [16, 16]


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(),
        Augmentation(rotation=20, zoom=0.2),
        Augmentation(pens=0.5),
        Augmentation(warp=30, corruptions=0.5),
    ],
)
def test_seed_decides_every_bit(augmentation: Augmentation) -> None:
    split = mnist.load("mnist-sample").test.take(slice(N))
    first, same, other = (
        batches(split, epochs=2, augmentation=augmentation, seed=seed) for seed in (5, 5, 6)
    )
    for (x, y), (x_same, y_same) in zip(first, same, strict=True):
        assert x.tobytes() == x_same.tobytes()
        assert y.tobytes() == y_same.tobytes()
    assert any(
        x.tobytes() != x_other.tobytes() for (x, _), (x_other, _) in zip(first, other, strict=True)
    )


def test_no_digit_is_augmented_twice_the_same() -> None:
    digit = mnist.load("mnist-sample").test.take(np.zeros(N, np.intp))  # one digit, 70 times
    pairs = batches(digit, epochs=2, augmentation=Augmentation(rotation=20))
    pictures = {picture.tobytes() for x, _ in pairs for picture in x}
    assert len(pictures) == 2 * N


def keras_matrix(draw: NDArray[Any], wanted: Augmentation, height: int, width: int) -> Any:
    """Output to input pixels, (row, column, 1), as `ImageDataGenerator` multiplies it together."""
    turn, shear = np.radians(draw[0] * wanted.rotation), np.radians(draw[1] * wanted.shear)
    down, right = draw[2] * wanted.height_shift * height, draw[3] * wanted.width_shift * width
    rotation = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    shift = [[1, 0, down], [0, 1, right], [0, 0, 1]]
    shearing = [[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]]
    zoom = np.diag([1 + draw[4] * wanted.zoom, 1 + draw[5] * wanted.zoom, 1])
    to_center, back = np.eye(3), np.eye(3)
    back[:2, 2] = (height - 1) / 2, (width - 1) / 2
    to_center[:2, 2] = -back[:2, 2]
    return back @ rotation @ shift @ shearing @ zoom @ to_center


@pytest.mark.parametrize(
    "wanted",
    [
        Augmentation(rotation=45),
        Augmentation(width_shift=0.3),
        Augmentation(height_shift=0.3),
        Augmentation(shear=45),
        Augmentation(zoom=0.5),
        Augmentation(rotation=30, width_shift=0.1, height_shift=0.2, shear=20, zoom=0.3),
    ],
    ids=["rotation", "width shift", "height shift", "shear", "zoom", "all together"],
)
@pytest.mark.parametrize("height", [28, 20])  # not square: rows and columns cannot be mixed up
def test_augment_is_scipys_affine_transform(wanted: Augmentation, height: int) -> None:
    digits = np.random.default_rng(7).uniform(0, 255, (12, height, 28)).astype(np.float32)
    seed = tf.constant([3, 4])
    augmented = input_pipeline.augment(tf.constant(digits[..., None]), wanted, seed).numpy()[..., 0]
    draws = tf.random.stateless_uniform([6, 12], seed, -1.0, 1.0).numpy().astype(np.float64)
    for digit, draw, picture in zip(digits, draws.T, augmented, strict=True):
        matrix = keras_matrix(draw, wanted, height, 28)
        expected = affine_transform(
            digit, matrix[:2, :2], matrix[:2, 2], order=1, mode="grid-constant", cval=0
        )
        assert np.abs(picture - expected).max() < 1e-2
        assert np.abs(picture - digit).max() > 1  # it did change


def test_no_augmentation_is_the_identity() -> None:
    digits = mnist.load("mnist-sample").test.images[:20, ..., None].astype(np.float32)
    augmented = input_pipeline.augment(
        tf.constant(digits), Augmentation(), tf.constant([1, 2])
    ).numpy()
    assert np.abs(augmented - digits).max() < 1e-3


@pytest.mark.parametrize("scaling", ["divide-255", "l2-axis-1", "standardise"])
def test_scaling_is_the_one_that_inference_uses(scaling: Any) -> None:
    images = mnist.load("mnist-sample").test.images[:40]
    scaled = input_pipeline.scale(tf.constant(images[..., None], tf.float32), scaling).numpy()
    assert scaled == pytest.approx(numpy_scaling.scale(images, scaling), abs=1e-6)


def test_labels_are_encoded_as_the_loss_wants_them() -> None:
    labels = tf.constant([3, 0], tf.uint8)
    one_hot = input_pipeline.encode(labels, dense_recipe(loss="categorical_crossentropy")).numpy()
    assert one_hot.tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    assert input_pipeline.encode(labels, dense_recipe()).numpy().tolist() == [3, 0]


def test_evaluation_keeps_order_and_pixels() -> None:
    test = mnist.load("mnist-sample").test
    recipe: Recipe = dense_recipe(scaling="standardise", augmentation=Augmentation(rotation=45))
    pairs = [(x.numpy(), y.numpy()) for x, y in input_pipeline.evaluation_batches(test, recipe)]
    assert np.concatenate([y for _, y in pairs]).tolist() == test.labels.tolist()
    expected = numpy_scaling.scale(test.images, "standardise")
    assert np.concatenate([x for x, _ in pairs]) == pytest.approx(expected, abs=1e-5)
