"""Pictures of feature maps: the right values, in the right places and colors."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.explain.layer_geometry import as_feature_maps, strongest_maps
from core.figures import style
from core.figures.images import colorize, css_gradient, feature_map_sheet, png_bytes
from core.figures.network_images import network_steps, reads_the_digit, shown_layer
from core.recipes.presets import PRESETS


def rgb(color: str) -> list[int]:
    return [int(color[k : k + 2], 16) for k in (1, 3, 5)]


def maps() -> NDArray[np.float32]:
    """Five maps of 2×3: map k holds k + 1 times the same pattern of both signs."""
    pattern = np.array([[-1, -0.5, 0], [0.25, 0.5, 1]], np.float32)
    return np.stack([(k + 1) * pattern for k in range(5)], axis=-1)


def tile(sheet: NDArray[np.uint8], k: int, columns: int, zoom: int) -> NDArray[np.uint8]:
    """A map's values as their colors: the middle pixel of each value's square."""
    down, across = 2 * zoom + 2, 3 * zoom + 2
    top, left = k // columns * down + 1, k % columns * across + 1
    middle = zoom // 2
    return sheet[top + middle : top + 2 * zoom : zoom, left + middle : left + 3 * zoom : zoom]


@pytest.mark.parametrize("zoom", [1, 3])
def test_each_map_stands_in_its_tile_with_colors_of_its_own(zoom: int) -> None:
    sheet = feature_map_sheet(maps(), columns=2, scale="each", theme="light", zoom=zoom)
    assert sheet.shape == (3 * (2 * zoom + 2), 2 * (3 * zoom + 2), 3)
    for k in range(5):
        pixels = tile(sheet, k, 2, zoom)
        assert pixels[0, 0].tolist() == rgb(style.DIVERGING_SCALES["light"][0])
        assert pixels[1, 2].tolist() == rgb(style.DIVERGING_SCALES["light"][-1])
    # All five are the same picture then; what is left of the last row is gray, as the borders.
    assert (tile(sheet, 0, 2, zoom) == tile(sheet, 4, 2, zoom)).all()
    assert (sheet[-1] == rgb(style.OTHER_COLOR)).all()
    assert (sheet[-(2 * zoom + 2) :, -(3 * zoom + 2) :] == rgb(style.OTHER_COLOR)).all()


def test_on_a_common_scale_only_the_largest_has_the_last_color() -> None:
    sheet = feature_map_sheet(maps(), columns=5, scale="common", theme="dark")
    last = rgb(style.DIVERGING_SCALES["dark"][-1])
    ends = [tile(sheet, k, 5, 1)[1, 2].tolist() == last for k in range(5)]
    assert ends == [False, False, False, False, True]
    beyond = feature_map_sheet(maps(), columns=5, scale="common", theme="dark", end=3.0)
    assert [tile(beyond, k, 5, 1)[1, 2].tolist() == last for k in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_zero_is_in_the_middle_and_signs_lie_opposite(theme: str | None) -> None:
    colors = style.DIVERGING_SCALES[theme or "light"]
    low, middle, high = colorize(np.array([-2, 0, 2], np.float32), 2.0, theme)
    assert (low.tolist(), high.tolist()) == (rgb(colors[0]), rgb(colors[-1]))
    mean = (np.array(rgb(colors[4])) + rgb(colors[5])) / 2
    assert middle == pytest.approx(mean, abs=0.51)
    assert all(color in css_gradient(theme) for color in colors)


def test_what_is_no_number_is_gray_and_a_dead_map_has_the_color_of_zero() -> None:
    values = np.zeros((2, 2, 2), np.float32)
    values[0, 0, 0], values[1, 1, 0] = np.nan, np.inf
    sheet = feature_map_sheet(values, columns=2, scale="each", theme="light")
    zero = colorize(np.zeros(1, np.float32), 1.0, "light")[0].tolist()
    assert sheet[1, 1].tolist() == sheet[2, 2].tolist() == rgb(style.OTHER_COLOR)
    assert sheet[1, 2].tolist() == sheet[1, 5].tolist() == zero


def test_single_numbers_are_cells_on_one_scale() -> None:
    numbers = as_feature_maps(np.array([1, -2, 4], np.float32))
    sheet = feature_map_sheet(numbers, columns=3, scale="each", theme="light", zoom=2)
    assert sheet.shape == (4, 12, 3)
    assert sheet[1, 9].tolist() == rgb(style.DIVERGING_SCALES["light"][-1])
    assert sheet[1, 1].tolist() != sheet[1, 9].tolist()


def test_the_strongest_maps_come_first_whatever_their_sign() -> None:
    values = np.zeros((4, 4, 4), np.float32)
    values[0, 0, 0], values[:, :, 1], values[:, :, 3] = 9, -3, 2
    assert strongest_maps(values, 3) == [1, 3, 0]
    assert strongest_maps(np.array([0, 5, -7, 5], np.float32), 9) == [2, 1, 3, 0]


def test_a_sheet_without_room_is_refused() -> None:
    for wrong in ({"columns": 0}, {"columns": 1, "zoom": 0}):
        with pytest.raises(ValueError, match="a sheet has"):
            feature_map_sheet(maps(), scale="each", theme=None, **wrong)
    with pytest.raises(ValueError, match="a sheet has"):
        feature_map_sheet(maps()[..., :0], columns=1, scale="each", theme=None)


def test_a_png_holds_the_picture() -> None:
    picture = feature_map_sheet(maps(), columns=3, scale="each", theme="light")
    decoded = cv2.imdecode(np.frombuffer(png_bytes(picture), np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(decoded, picture)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_layer_has_its_place_among_the_steps(preset: str) -> None:
    rows = list(PRESETS[preset].recipe.architecture.rows())
    before, steps = network_steps(rows)
    told = [*before]
    for step in steps:
        told += [step.row, *step.in_place]
        assert np.prod(step.output_row.shape) == np.prod(step.row.shape)
        assert len(step.output_row.shape) == len(step.row.shape)
    assert told == rows
    assert steps[-1].row is rows[-1]


def test_a_step_is_seen_as_it_goes_on_but_not_flattened() -> None:
    _, steps = network_steps(PRESETS["fast"].recipe.architecture.rows())
    leaves = {step.row.name: step.output_row.name for step in steps}
    # conv_1 has its activation within; after conv_3 come batch_norm_2, activation_2, flatten_1.
    assert (leaves["conv_1"], leaves["conv_3"]) == ("conv_1", "activation_2")
    assert leaves["pool_1"] == "pool_1"


def test_only_a_network_without_maps_reads_the_digit_as_numbers() -> None:
    read = {
        name: reads_the_digit(preset.recipe.architecture.rows()) for name, preset in PRESETS.items()
    }
    assert read["purawr"] == "dense_1"
    assert all(read[name] is None for name in read if name != "purawr")


def test_of_maps_the_strongest_are_shown_of_numbers_all() -> None:
    shown = shown_layer(maps(), "light", 2)
    assert (shown.channels, shown.columns, shown.single_numbers) == ((4, 3), 2, False)
    numbers = shown_layer(np.arange(40, dtype=np.float32), "light", 2)
    assert (len(numbers.channels), numbers.columns, numbers.single_numbers) == (40, 20, True)
