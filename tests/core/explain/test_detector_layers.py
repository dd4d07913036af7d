"""The digit detector opened: its layers by hand, its answer by its outputs, its record."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.explain import detector_layers
from core.explain.detector_layers import (
    CopyAnswer,
    answers,
    detector_kernels,
    example_page,
    layer_maps,
    map_name,
    parameter_count,
    shrink_maps,
    training_record,
)
from core.preprocessing.page import detector
from core.preprocessing.page.segmentation import MIN_INK
from core.utils.errors import PictureError

LAYERS = {layer.name: layer for layer in detector_layers.detector_layers()}
WRITTEN = "19594168273072"
"""The digits of the example page."""


@pytest.fixture(scope="module")
def small() -> NDArray[np.uint8]:
    """A corner of the example page that the network takes, and that plain loops can do."""
    return np.ascontiguousarray(example_page()[40:88, 24:96])


@pytest.fixture(scope="module")
def of_the_page() -> tuple[CopyAnswer, ...]:
    return answers(example_page())


def test_the_input_layer_gives_what_the_network_is_given(small: NDArray[np.uint8]) -> None:
    assert layer_maps(small, "picture") == pytest.approx(detector.to_input(small))


def test_the_first_layer_is_a_convolution_written_out(small: NDArray[np.uint8]) -> None:
    kernel = np.asarray(detector.load_detector().get_layer("half").kernel, float)
    # With stride 2, "same" pads an even side by one row and column, behind the last.
    padded = np.pad(detector.to_input(small).astype(float), ((0, 1), (0, 1), (0, 0)))
    maps = layer_maps(small, "half")
    assert maps.shape == (24, 36, 16)
    for row, column, number in np.ndindex(maps.shape):
        patch = padded[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        expected = sum(
            patch[i, j, channel] * kernel[i, j, channel, number]
            for i, j, channel in np.ndindex(3, 3, 2)
        )
        assert maps[row, column, number] == pytest.approx(expected, abs=1e-4)


def test_batch_normalization_and_relu_follow(small: NDArray[np.uint8]) -> None:
    layer = detector.load_detector().get_layer("half_normalized")
    gamma, beta, mean, variance = (np.asarray(weight, float) for weight in layer.get_weights())
    sums = layer_maps(small, "half").astype(float)
    normalized = np.stack(
        [
            gamma[k] * (sums[..., k] - mean[k]) / math.sqrt(variance[k] + layer.epsilon) + beta[k]
            for k in range(16)
        ],
        axis=-1,
    )
    assert layer_maps(small, "half_normalized") == pytest.approx(normalized, abs=1e-3)
    active = np.where(normalized > 0, normalized, 0)
    assert layer_maps(small, "half_active") == pytest.approx(active, abs=1e-3)


def test_a_transposed_convolution_lays_its_kernels_beside_one_another(
    small: NDArray[np.uint8],
) -> None:
    kernels = detector_kernels("half_up")
    assert kernels is not None
    assert kernels.bias is not None
    source, result = layer_maps(small, "quarter_3_active"), layer_maps(small, "half_up")
    assert kernels.weights.shape == (2, 2, source.shape[-1], result.shape[-1])
    for row, column, i, j in np.ndindex(*source.shape[:2], 2, 2):
        expected = source[row, column] @ kernels.weights[i, j] + kernels.bias
        assert result[2 * row + i, 2 * column + j] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_as_many_maps_as_it_says(small: NDArray[np.uint8], name: str) -> None:
    layer = LAYERS[name]
    maps, kernels = layer_maps(small, name), detector_kernels(name)
    assert maps.shape[-1] == layer.maps
    assert not maps.flags.writeable
    assert (kernels is not None) == layer.has_kernels
    if kernels is not None:
        arrays = [kernels.weights, *([] if kernels.bias is None else [kernels.bias])]
        assert kernels.count == layer.maps
        assert sum(array.size for array in arrays) == layer.parameters


def test_the_layers_add_up_to_the_network() -> None:
    assert sum(layer.parameters for layer in LAYERS.values()) == parameter_count()
    model = detector.build_detector()
    assert list(LAYERS) == [layer.name for layer in model.layers]
    assert parameter_count() == sum(int(np.prod(weight.shape)) for weight in model.weights)


def test_layers_are_described() -> None:
    assert LAYERS["half"].description == "Conv2D 16 kernels 3×3, stride 2"
    assert LAYERS["context_8"].description == "Conv2D 48 kernels 3×3, dilation 8"
    assert LAYERS["half_up"].description == "Transposed Conv2D 16 kernels 2×2, stride 2"
    assert LAYERS["context_8"].batch_norm == "context_8_normalized"
    assert LAYERS["places"].batch_norm is None


def test_a_layer_that_does_not_exist_is_refused(small: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="no_such"):
        layer_maps(small, "no_such")


def test_the_names_of_the_output_maps_are_those_of_the_answer(small: NDArray[np.uint8]) -> None:
    ((ink, centers, offsets),) = detector.detect([small])
    places, blocks = layer_maps(small, "places"), layer_maps(small, "ink_of_blocks")

    def number(layer: str, *words: str) -> int:
        names = [map_name(layer, k) for k in range(LAYERS[layer].maps)]
        (k,) = [k for k, name in enumerate(names) if all(word in name for word in words)]
        return k

    for channel, kind in enumerate(("digit", "point", "comma", "minus", "slash")):
        logits = places[..., number("places", kind)]
        assert 1 / (1 + np.exp(-logits)) == pytest.approx(centers[..., channel], abs=1e-4)
    for channel, kind in enumerate(("digit", "sign")):
        for row, column in np.ndindex(2, 2):
            words = (kind, ("upper", "lower")[row], ("left", "right")[column])
            logits = blocks[..., number("ink_of_blocks", *words)]
            seen = ink[row::2, column::2, channel]
            assert 1 / (1 + np.exp(-logits)) == pytest.approx(seen, abs=1e-4)
    for channel, word in enumerate(("to the right", "down")):
        values = 16 * places[..., number("places", word)]
        assert values == pytest.approx(offsets[..., channel], abs=1e-3)
    assert map_name("half", 3) == ""


def test_the_answer_is_the_network_s(of_the_page: tuple[CopyAnswer, ...]) -> None:
    for answer in of_the_page:
        assert answer.pixels.shape[0] % 8 == answer.pixels.shape[1] % 8 == 0
        ((ink, centers, _),) = detector.detect([answer.pixels])
        digit, sign = ink[..., 0], ink[..., 1]
        assert np.array_equal(answer.ink == 0, (digit < MIN_INK) & (sign < MIN_INK))
        assert np.array_equal(answer.ink == 2, (sign >= MIN_INK) & (sign > digit))
        for center in answer.centers:
            # The center lies in the middle of its cell of 4×4 pixels.
            assert (center.x % 4, center.y % 4) == (2, 2)
            chances = centers[..., 0] if center.kind == "digit" else centers[..., 1:].max(axis=-1)
            row, column = center.y // 4, center.x // 4
            around = chances[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            assert center.probability == chances[row, column] == around.max()
        probabilities = [center.probability for center in answer.centers]
        assert probabilities == sorted(probabilities, reverse=True)


def test_the_copies_are_halved_and_the_largest_is_the_page(
    of_the_page: tuple[CopyAnswer, ...],
) -> None:
    assert [answer.side for answer in of_the_page] == [480, 240, 120, 60]
    height, width = example_page().shape
    pixels = of_the_page[0].pixels
    assert np.array_equal(pixels[8 : 8 + height, 8 : 8 + width], example_page())


def test_the_example_page_is_written_with_test_digits() -> None:
    page = example_page()
    assert page is example_page()
    assert not page.flags.writeable
    squares = np.zeros(page.shape, bool)
    squares[::24] = squares[:, ::24] = True
    assert set(np.unique(page[-20:][~squares[-20:]])) == {246}
    assert set(np.unique(page[-20:][squares[-20:]])) == {214}
    ink = ((page < 150) & ~squares).astype(np.uint8)
    ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    sides = cv2.connectedComponentsWithStats(ink)[2][1:, :4].max(axis=1)
    assert len(WRITTEN) == 14
    assert len(sides) >= len(WRITTEN) + 3  # two points and a minus
    test = mnist.load("mnist-sample").test
    first = cv2.resize(test.images[np.flatnonzero(test.labels == 1)[0]], (72, 72))
    shown = page[48:120, 12:84]
    assert np.corrcoef(first.ravel(), 255 - shown.ravel().astype(float))[0, 1] > 0.95


def test_most_digits_of_the_example_page_are_found(of_the_page: tuple[CopyAnswer, ...]) -> None:
    assert max(answer.count("digit") for answer in of_the_page) >= 10


@pytest.mark.parametrize("shape", [(500, 30), (30, 500, 3), (64, 64, 4), (1400, 1900)])
def test_a_picture_of_any_shape_is_answered(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert [answer.ink.shape for answer in answers(picture)] == [
        answer.pixels.shape for answer in answers(picture)
    ]


def test_a_picture_that_is_too_small_is_refused() -> None:
    with pytest.raises(PictureError, match="only 3×2 pixels"):
        answers(np.zeros((2, 3), np.uint8))


def test_large_maps_are_shrunk_by_means() -> None:
    maps = np.random.default_rng(1).normal(size=(40, 60, 3)).astype(np.float32)
    means = maps.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    assert shrink_maps(maps, 30) == pytest.approx(means, abs=1e-5)
    assert shrink_maps(maps, 60) is maps


def test_the_record_tells_how_it_was_trained(tmp_path: Path) -> None:
    file = tmp_path / "detector.json"
    assert training_record(file) is None
    for damaged in ("", "[]", '{"command": "python"}', "\xff"):
        file.write_text(damaged, encoding="latin-1")
        assert training_record(file) is None
    note = {
        "command": "python -m benchmarks.train_detector FOLDER",
        "date": "2026-11-29T21:00:00+00:00",
        "seed": 1,
        "steps": 7500,
        "scenes": 120000,
        "parameters": 117524,
        "versions": {"keras": "3"},
        "machine": {"cores": 2},
    }
    file.write_text(json.dumps(note), encoding="utf-8")
    record = training_record(file)
    assert record is not None
    assert (record.steps, record.scenes, record.date.year) == (7500, 120000, 2026)


def test_a_record_that_ships_can_be_read() -> None:
    file = detector.DETECTOR_FILE.with_suffix(".json")
    assert (training_record() is not None) == file.exists()
