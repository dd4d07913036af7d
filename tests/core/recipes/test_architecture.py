"""Networks as data: the published shapes and counts, Keras as the judge, and what is refused."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from core.recipes.architecture import (
    Activation,
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
from core.recipes.presets import PRESETS
from tests.helpers import oracles

LAST = Dense(units=10, activation="softmax")

# (output shape, parameters) of each layer, worked out by hand: convolution k·k·in·out + out,
# dense in·out + out, batch norm 4·channels.
BY_HAND: dict[str, list[tuple[tuple[int, ...], int]]] = {
    "soorya": [
        ((26, 26, 64), 640),
        ((13, 13, 64), 0),
        ((11, 11, 64), 36_928),
        ((5, 5, 64), 0),
        ((3, 3, 64), 36_928),
        ((1, 1, 64), 0),
        ((64,), 0),
        ((64,), 4_160),
        ((32,), 2_080),
        ((10,), 330),
    ],
    "yalcin": [
        ((26, 26, 28), 280),
        ((13, 13, 28), 0),
        ((4732,), 0),
        ((128,), 605_824),
        ((128,), 0),
        ((10,), 1_290),
    ],
    "kundathil": [
        ((25, 25, 32), 544),
        ((12, 12, 32), 0),
        ((4608,), 0),
        ((128,), 589_952),
        ((10,), 1_290),
    ],
    "purawr": [((784,), 0), ((50,), 39_250), ((50,), 2_550), ((10,), 510)],
    # The rows of the author's own `model.summary()`, 594,922 parameters in all.
    "katariya": [
        ((26, 26, 32), 320),
        ((24, 24, 32), 9_248),
        ((12, 12, 32), 0),
        ((10, 10, 64), 18_496),
        ((8, 8, 64), 36_928),
        ((4, 4, 64), 0),
        ((1024,), 0),
        ((512,), 524_800),
        ((512,), 0),
        ((10,), 5_130),
    ],
    "katariya-batchnorm": [
        ((26, 26, 32), 320),
        ((26, 26, 32), 128),
        ((26, 26, 32), 0),
        ((24, 24, 32), 9_248),
        ((12, 12, 32), 0),
        ((12, 12, 32), 128),
        ((10, 10, 64), 18_496),
        ((10, 10, 64), 256),
        ((10, 10, 64), 0),
        ((8, 8, 64), 36_928),
        ((4, 4, 64), 0),
        ((1024,), 0),
        ((1024,), 4_096),
        ((512,), 524_800),
        ((512,), 2_048),
        ((512,), 0),
        ((512,), 0),
        ((10,), 5_130),
    ],
}
TOTALS = {
    "soorya": 81_066,
    "yalcin": 607_394,
    "kundathil": 591_786,
    "purawr": 42_310,
    "katariya": 594_922,
    # 320 + 9,248 + 18,496 + 36,928 + 131,200 + 1,290
    "sturdy": 197_482,
    "katariya-batchnorm": 601_578,
    # 416, 6,912 + 192, 41,472 + 384, 8,650
    "fast": 58_026,
    # 288 + 9,216 + 18,432 + 36,864 + 110,592 + 331,776 without biases, norms 2,304, dense 1,930
    "best": 511_402,
}


def refusal(*layers: Layer) -> str:
    """Why an architecture cannot be built."""
    with pytest.raises(ValidationError) as caught:
        Architecture(layers=layers)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("name", BY_HAND)
def test_tutorials_have_their_published_shapes_and_counts(name: str) -> None:
    rows = PRESETS[name].recipe.architecture.rows()
    assert [(row.shape, row.parameters) for row in rows] == BY_HAND[name]


def test_totals_by_hand() -> None:
    totals = {name: preset.recipe.architecture.parameters for name, preset in PRESETS.items()}
    assert totals == TOTALS


@pytest.mark.parametrize("name", PRESETS)
def test_keras_builds_what_the_rows_say(name: str) -> None:
    architecture = PRESETS[name].recipe.architecture
    model = build_model(architecture)
    assert model.input_shape == (None, 28, 28, 1)
    theirs = [(layer.name, layer.output.shape[1:], layer.count_params()) for layer in model.layers]
    assert theirs == [(row.name, row.shape, row.parameters) for row in architecture.rows()]
    assert model.count_params() == architecture.parameters


def first_layer_output(layer: Layer, picture: Any, weights: list[Any]) -> Any:
    """What Keras computes for one picture behind the first layer of a network of ours."""
    import keras

    model = build_model(Architecture(layers=(layer, GlobalAverage(), LAST)))
    model.layers[0].set_weights(weights)
    return np.array(keras.Model(model.inputs[0], model.layers[0].output)(picture[None]))[0]


@pytest.fixture
def picture() -> Any:
    return np.random.default_rng(3).normal(size=(28, 28, 1))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolution_is_the_sum_written_out(padding: Any, picture: Any) -> None:
    generator = np.random.default_rng(4)
    # An even kernel: "same" then pads one more at the end than at the beginning.
    kernels, bias = generator.normal(size=(4, 4, 1, 4)), generator.normal(size=4)
    layer = Conv(filters=4, kernel_size=4, padding=padding, activation="relu")
    expected = np.maximum(oracles.convolve(picture, kernels, bias, padding), 0)
    output = first_layer_output(layer, picture, [kernels, bias])
    assert output == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_is_the_loop_written_out(mode: Any, picture: Any) -> None:
    # 28 is 9 · 3 + 1: the last row and column are dropped.
    output = first_layer_output(Pool(mode=mode, size=3), picture, [])
    assert output == pytest.approx(oracles.pool(picture, 3, mode), abs=1e-6)


def test_batch_norm_is_the_formula_written_out(picture: Any) -> None:
    weights = [np.array([value]) for value in (1.5, -0.25, 0.4, 2.0)]
    output = first_layer_output(BatchNorm(), picture, weights)
    assert output == pytest.approx(oracles.batch_norm(picture, *weights), abs=1e-5)


def test_convolution_larger_than_its_map_is_refused_by_number_and_name() -> None:
    message = refusal(Pool(size=4), Pool(size=4), Conv(filters=8), GlobalAverage(), LAST)
    assert "layer 3 (Conv2D 8 kernels 3×3, relu) leaves nothing" in message


def test_pool_larger_than_its_map_is_refused_by_number_and_name() -> None:
    message = refusal(*[Pool(size=4)] * 3, Flatten(), LAST)
    assert "layer 3 (Max pooling 4×4) leaves nothing" in message


def test_smallest_map_that_is_left_can_be_built() -> None:
    # 28 -> 7 -> 1: a 7×7 kernel just fits.
    layers = (Pool(size=4), Conv(filters=4, kernel_size=7), Flatten(), LAST)
    assert [row.shape for row in Architecture(layers=layers).rows()][1] == (1, 1, 4)


def test_dense_on_feature_maps_is_refused() -> None:
    message = refusal(Conv(filters=8), Dense(units=20), LAST)
    assert "layer 2 (Dense 20, relu) needs a flat vector" in message


@pytest.mark.parametrize("layer", [Conv(filters=8), Pool(), GlobalAverage(), Flatten()])
@pytest.mark.parametrize("flat", [Flatten(), GlobalAverage()])
def test_layers_on_maps_are_refused_behind_a_flat_vector(flat: Layer, layer: Layer) -> None:
    assert f"layer 2 ({layer}) needs feature maps" in refusal(flat, layer, LAST)


@pytest.mark.parametrize("layer", [Dense(units=11), Dropout(), Activation()])
def test_last_layer_must_give_ten_values(layer: Layer) -> None:
    assert "last layer must be a dense layer with 10 units" in refusal(Flatten(), layer)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "elu", "gelu"])
def test_last_layer_must_give_probabilities(activation: Any) -> None:
    message = refusal(Flatten(), Dense(units=10, activation=activation))
    assert f"softmax or sigmoid, not {activation}" in message


def test_too_many_parameters_are_counted_and_refused() -> None:
    # 784·1,024 + 1,024 + 4·(1,024·1,024 + 1,024) + 10,250 = 5,012,490 with four dense layers more
    layers = [Dense(units=1024)] * 5
    assert "5,012,490 parameters; at most 5,000,000" in refusal(Flatten(), *layers, LAST)


BOUNDS = [
    (Conv, "filters", 4, 256),
    (Conv, "kernel_size", 1, 7),
    (Pool, "size", 2, 4),
    (Dense, "units", 2, 1024),
    (Dropout, "rate", 0, 0.9),
]


@pytest.mark.parametrize(("kind", "name", "low", "high"), BOUNDS)
def test_fields_are_bounded(kind: Any, name: str, low: float, high: float) -> None:
    needed = {"filters": 8} if kind is Conv else {"units": 8} if kind is Dense else {}
    for value in (low, high):
        assert getattr(kind(**{**needed, name: value}), name) == value
    step = 0.01 if name == "rate" else 1
    for value in (low - step, high + step):
        with pytest.raises(ValidationError):
            kind(**{**needed, name: value})


def test_number_of_layers_is_bounded() -> None:
    assert "at least 2" in refusal(LAST)
    assert len(Architecture(layers=(*[Dropout()] * 38, Flatten(), LAST)).layers) == 40
    assert "at most 40" in refusal(*[Dropout()] * 39, Flatten(), LAST)


def test_unknown_kinds_and_fields_are_refused() -> None:
    for layer in ({"kind": "lambda"}, {"kind": "pool", "stride": 1}):
        with pytest.raises(ValidationError):
            Architecture.model_validate({"layers": [layer, {"kind": "flatten"}, LAST.model_dump()]})


def test_names_count_up_by_kind() -> None:
    layers = (Conv(filters=4), Pool(), Conv(filters=4), GlobalAverage(), Dense(units=4), LAST)
    names = [row.name for row in Architecture(layers=layers).rows()]
    assert names == ["conv_1", "pool_1", "conv_2", "global_average_1", "dense_1", "dense_2"]


def test_summary_has_a_line_a_layer_and_the_total() -> None:
    lines = PRESETS["kundathil"].recipe.architecture.summary().splitlines()
    assert [line.split()[0] for line in lines] == [
        "layer",
        "conv_1",
        "pool_1",
        "flatten_1",
        "dense_1",
        "dense_2",
        "total",
    ]
    assert lines[1].split()[1:] == ["Conv2D", "32", "kernels", "4×4,", "relu", "25×25×32", "544"]
    assert lines[-1].split() == ["total", "591,786"]
    assert len({len(line) for line in lines}) == 1
