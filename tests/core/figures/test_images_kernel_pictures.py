"""The first layer's weights as pictures: the right weights, in the right places and colors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.explain.kernels import color_limit, first_layer_kernels
from core.figures import style
from core.figures.images import kernel_grid
from core.recipes.architecture import (
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
)
from core.recipes.keras_model import build_model
from core.recipes.recipe import Recipe
from core.utils.errors import RunError
from tests.conftest import conv_recipe

END = Dense(units=10, activation="softmax")


def recipe(*layers: Layer) -> Recipe:
    return conv_recipe(architecture=Architecture(layers=(*layers, END)))


def rgb(color: str) -> list[int]:
    return [int(color[k : k + 2], 16) for k in (1, 3, 5)]


@pytest.mark.parametrize(
    "layers",
    [
        (Conv(filters=4), Flatten()),
        (Conv(filters=5, kernel_size=5, use_bias=False), BatchNorm(), Flatten()),
        (Dropout(), BatchNorm(), Pool(), Conv(filters=6), Flatten()),
        (Flatten(), Dropout(), Dense(units=7)),
        (Pool(size=3), Flatten(), BatchNorm(), Dense(units=7)),
        (GlobalAverage(), Dense(units=7)),
    ],
    ids=str,
)
def test_the_kernels_are_those_of_kerass_own_first_layer(layers: tuple[Layer, ...]) -> None:
    wanted = recipe(*layers)
    model = build_model(wanted.architecture)
    kernels = first_layer_kernels(model.get_weights(), wanted)
    layer = next(layer for layer in model.layers if hasattr(layer, "kernel"))
    kernel = np.asarray(layer.kernel)
    if kernel.ndim == 4:
        np.testing.assert_array_equal(kernels, kernel[:, :, 0, :])
    else:
        # A picture of each unit: laid over the pixels, it sums to what the unit is fed.
        pixels = np.random.default_rng(0).normal(size=kernels.shape[:2])
        np.testing.assert_allclose(
            np.einsum("hw,hwn->n", pixels, kernels), pixels.ravel() @ kernel, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("weights", [[], [np.zeros(3)], [np.zeros((3, 3, 1, 5))], [np.array(1.0)]])
def test_weights_of_another_network_are_refused_in_a_sentence(
    weights: list[NDArray[np.float64]],
) -> None:
    with pytest.raises(RunError, match="do not fit"):
        first_layer_kernels(weights, recipe(Conv(filters=4), Flatten()))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colors_run_from_the_one_end_over_zero_to_the_other(theme: str) -> None:
    weights = np.array([-2.0, -9.0, 0.0, 2.0]).reshape(1, 1, 4)
    row = kernel_grid(weights, 4, end=2.0, zoom=1, theme=theme)[2, 2::3][:4, :3].tolist()  # type: ignore[arg-type]
    scale = [rgb(color) for color in style.DIVERGING_SCALES[theme]]
    assert row[0] == row[1] == scale[0]  # beyond the end there is no other color
    assert row[3] == scale[-1]
    middle = [(a + b) / 2 for a, b in zip(scale[4], scale[5], strict=True)]
    np.testing.assert_allclose(row[2], middle, atol=0.51)


def test_every_kernel_has_its_place_a_frame_and_square_pixels() -> None:
    kernels = np.zeros((2, 3, 5))
    kernels[1, 2, 4] = 1.0  # the lower right weight of the last kernel
    grid = kernel_grid(kernels, 3, end=1.0, zoom=4)
    # Two rows of three: 4 pixels a weight, lines of 2 around all.
    assert grid.shape == (2 * (2 * 4 + 2) + 2, 3 * (3 * 4 + 2) + 2, 4)
    blue = np.argwhere((grid[..., :3] == rgb(style.DIVERGING_SCALES["light"][-1])).all(axis=-1))
    top, left = 10 + 2 + 4, 14 + 2 + 8
    assert blue.min(axis=0).tolist() == [top, left]
    assert blue.max(axis=0).tolist() == [top + 3, left + 3]
    assert grid[0, 0].tolist() == [*rgb(style.OTHER_COLOR), 255]
    assert (grid[12:, 30:, 3] == 0).all()  # no sixth kernel: the page shows through
    assert (grid[:10, :, 3] == 255).all()


def test_weights_that_are_no_numbers_are_gray() -> None:
    weights = np.array([np.nan, 1.0]).reshape(1, 1, 2)
    grid = kernel_grid(weights, 2, end=color_limit(weights), zoom=1)
    assert grid[2, 2].tolist() == [*rgb(style.OTHER_COLOR), 255]
    assert grid[2, 5, :3].tolist() == rgb(style.DIVERGING_SCALES["light"][-1])


def test_two_epochs_share_their_colors_and_one_large_weight_does_not_pale_the_rest() -> None:
    rng = np.random.default_rng(1)
    before, now = rng.uniform(-1, 1, (3, 3, 64)), rng.uniform(-3, 3, (3, 3, 64))
    assert color_limit(before, now) == color_limit(now, before) > 2.5
    now[0, 0, 0] = 1000.0
    assert color_limit(before, now) < 3.1
    assert color_limit(np.zeros((3, 3, 4))) == 0.0
    kernel_grid(np.zeros((3, 3, 4)), 2, end=0.0)  # a network of zeros has a picture too


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"zoom": 0}])
def test_a_grid_without_columns_or_pixels_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        kernel_grid(np.zeros((3, 3, 4)), **{"columns": 2, "zoom": 2, **wrong}, end=1.0)
