"""Receptive fields, judged by what changes when one pixel does."""

from collections.abc import Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf

from core.data import mnist
from core.explain import activations
from core.explain.layer_geometry import ReceptiveField, receptive_field
from core.figures.images import receptive_field_box
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Pool,
)
from core.recipes.keras_model import build_model
from core.runs import registry
from tests.helpers.networks import network_of

OUT = Dense(units=10, activation="softmax")


def moved_by_each_pixel(
    model: keras.Model, layers: Sequence[str], base: np.ndarray
) -> dict[str, np.ndarray]:
    """Which numbers of a layer each of the 28×28 inputs moves: by its name, bool (784, ...)."""
    until = keras.Model(model.inputs, [model.get_layer(layer).output for layer in layers])
    same = np.repeat(base[None], 784, axis=0)
    changed = same.copy()
    for k in range(784):
        changed[k, k // 28, k % 28] += 3
    # Rounding depends on a row's place in its batch: each is compared with the same place.
    before, after = (
        until(tf.constant(pixels, tf.float32), training=False) for pixels in (same, changed)
    )
    return {
        layer: old.numpy() != new.numpy()
        for layer, old, new in zip(layers, before, after, strict=True)
    }


def movers(moved: np.ndarray, place: tuple[int, ...]) -> np.ndarray:
    """Which of the inputs move a number of any channel at a place, bool (28, 28)."""
    return moved[(slice(None), *place)].reshape(784, -1).any(axis=1).reshape(28, 28)


def area(field: ReceptiveField) -> np.ndarray:
    """The field as bool (28, 28)."""
    seen = np.zeros((28, 28), bool)
    rows, columns = field.rows, field.columns
    seen[rows.first : rows.last + 1, columns.first : columns.last + 1] = True
    return seen


SMOOTH = {
    "same, even kernels, a pool that drops a rest": (
        Conv(filters=4, kernel_size=4, padding="same", activation="tanh"),
        Conv(filters=4, kernel_size=2, padding="valid", activation="tanh"),
        Pool(mode="average", size=4),
        BatchNorm(),
        Conv(filters=4, kernel_size=3, padding="same", activation="elu"),
        Dropout(),
        Flatten(),
        OUT,
    ),
    "valid and same in turns, to a global average": (
        Conv(filters=4, kernel_size=5, padding="same", activation="tanh"),
        Activation(activation="tanh"),
        Pool(mode="average", size=3),
        Conv(filters=4, kernel_size=2, padding="same", activation="tanh"),
        Pool(mode="average", size=2),
        GlobalAverage(),
        OUT,
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_exactly_the_pixels_of_the_field_change_the_number(name: str) -> None:
    keras.utils.set_random_seed(3)
    architecture = Architecture(layers=SMOOTH[name])
    model = build_model(architecture)
    base = np.random.default_rng(1).normal(size=(28, 28, 1)).astype(np.float32)
    rows = list(architecture.rows())
    moved = moved_by_each_pixel(model, [row.name for row in rows], base)
    for row in rows:
        if len(row.shape) == 3:
            last, middle = row.shape[0] - 1, row.shape[0] // 2
            places = [(0, 0), (last, last), (0, middle), (middle, middle)]
        else:
            places = [(0,), (row.shape[0] - 1,)]
        for place in places:
            field = receptive_field(architecture, row.name, place)
            assert np.array_equal(movers(moved[row.name], place), area(field)), (row.name, place)


@pytest.mark.parametrize("run", ["best", "kundathil", "soorya", "purawr"])
def test_in_trained_networks_nothing_outside_the_field_changes_anything(run: str) -> None:
    architecture = registry.find_run(run).info.recipe.architecture
    opened = activations.load_layer_model(network_of(run))
    base = opened.network_input(mnist.load("mnist-sample").test.images[3:4])[0]
    rows = [row for row in architecture.rows() if row.layer.kind in {"conv", "pool", "dense"}]
    looked_at = [*rows[:2], rows[-1]]
    moved = moved_by_each_pixel(opened.model, [row.name for row in looked_at], base)
    for row in looked_at:
        is_map = len(row.shape) == 3
        place = (row.shape[0] // 2, row.shape[1] - 1) if is_map else (1,)
        field = area(receptive_field(architecture, row.name, place))
        # All units of a dense layer see the same, but ReLU hides all that one of them sees.
        pixels = movers(moved[row.name], place if is_map else ())
        assert not pixels[~field].any(), row.name
        # Maxima and ReLU hide some changes, but hardly most of them.
        assert pixels[field].mean() > 0.3, row.name


def test_by_hand() -> None:
    around = Conv(filters=4, padding="same")
    padded = Architecture(layers=(around, around, Pool(), Flatten(), OUT))
    # Two 3×3 convolutions with zeros around see 5×5 pixels; at the corner 3×3 of them are there.
    corner = receptive_field(padded, "conv_2", (0, 0))
    assert (corner.rows.first, corner.rows.last, corner.rows.unclipped) == (0, 2, 5)
    assert (corner.pixels, corner.outside_share) == (9, pytest.approx(16 / 25))
    # A square of the pool: 2 + 4 pixels.
    inside = receptive_field(padded, "pool_1", (7, 8))
    assert (inside.rows.first, inside.rows.last) == (12, 17)
    assert (inside.columns.first, inside.columns.last) == (14, 19)
    assert inside.outside_share == 0
    # kundathil: 28 - 4 + 1 = 25 rows, of which the pool takes 24: so pixel row 27 is seen by none.
    dense = receptive_field(
        registry.find_run("kundathil").info.recipe.architecture, "dense_2", (9,)
    )
    assert (dense.rows.first, dense.rows.last, dense.columns.last) == (0, 26, 26)
    first = receptive_field(
        registry.find_run("purawr").info.recipe.architecture, "flatten_1", (57,)
    )
    assert (first.rows.first, first.rows.last, first.columns.first, first.pixels) == (2, 2, 1, 1)


def test_the_box_lies_around_the_field_on_ink_and_on_paper() -> None:
    best = registry.find_run("best").info.recipe.architecture
    field = receptive_field(best, "conv_2", (8, 18))  # rows 8 to 12, columns 18 to 22
    ink = np.full((28, 28), 255, np.uint8)
    picture, plain = receptive_field_box(ink, field, 10), receptive_field_box(ink, None, 10)
    assert picture.shape == (280, 280, 3)
    assert not plain.any()
    changed = np.argwhere((picture != plain).any(axis=2))
    assert changed.min(axis=0).tolist() == [80, 180]
    assert changed.max(axis=0).tolist() == [129, 229]
    assert not picture[90:120, 190:220].any()  # what it sees stays as it is
    assert (picture[82, 182] == 255).all()  # the light line within


def test_what_does_not_exist() -> None:
    best = registry.find_run("best").info.recipe.architecture
    with pytest.raises(ValueError, match="no layer 'conv_9'"):
        receptive_field(best, "conv_9", (0, 0))
    for layer, place in [("conv_1", (28, 0)), ("conv_1", (0,)), ("dense_1", (10,))]:
        with pytest.raises(IndexError, match="no place"):
            receptive_field(best, layer, place)
