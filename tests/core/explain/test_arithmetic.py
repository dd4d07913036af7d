"""The arithmetic of one number: equal to the network's own numbers, step by step."""

import itertools
import re

import keras
import numpy as np
import pytest

from core.data import mnist
from core.explain import activations
from core.explain.arithmetic import (
    INPUT_LAYER,
    ActivationStep,
    AverageStep,
    ConvolutionStep,
    DroppedNumber,
    LayerActivations,
    NormalizationStep,
    PassThrough,
    PoolingStep,
    WeightedSum,
    activations_with_inputs,
    explain_number,
)
from core.figures.html import exact_number, number_table_html, signed_number
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
from tests.helpers.networks import SHIPPED, network_of

IMAGES = mnist.load("mnist-sample").test.images
RUNS = SHIPPED


def places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The corners of a layer's output, and some places between."""
    ends = itertools.product(*({0, size - 1} for size in shape))
    return [*ends, tuple(size // 2 for size in shape), tuple(size // 3 for size in shape)]


def check(network: LayerActivations) -> None:
    """Every layer at several places, and all that follows: the network's numbers to 1e-5."""
    for row in network.architecture.rows():
        for place in places(row.shape):
            steps = explain_number(network, row.name, place)
            # The last step in a layer gives that layer's number.
            last = {step.layer: step for step in steps if not isinstance(step, DroppedNumber)}
            assert row.name in last
            for name, step in last.items():
                own = network.values[name][step.position]
                assert step.result == pytest.approx(own, abs=1e-5, rel=1e-5), (name, place)


@pytest.mark.parametrize(("run", "epoch"), [*((run, None) for run in RUNS), ("fast", 1)])
def test_every_layer_of_every_shipped_run(run: str, epoch: int | None) -> None:
    check(activations_with_inputs(network_of(run, epoch), IMAGES[7]))


LAYERS = {
    "maps": (
        Conv(filters=5, kernel_size=4, padding="same", activation="softmax"),
        Pool(mode="average", size=3),
        Conv(filters=6, kernel_size=2, activation="gelu"),
        Activation(activation="softmax"),
        BatchNorm(),
        Dropout(),
        Conv(filters=4, kernel_size=3, padding="same", activation="elu", use_bias=False),
        Pool(mode="max", size=3),
        Conv(filters=4, kernel_size=1, activation="tanh"),
        GlobalAverage(),
        BatchNorm(),
        Activation(activation="softmax"),
        Dense(units=10, activation="softmax"),
    ),
    "units": (
        Flatten(),
        BatchNorm(),
        Dense(units=7, activation="gelu"),
        Dense(units=6, activation="softmax"),
        Activation(activation="elu"),
        Dense(units=5, activation="sigmoid"),
        Dropout(),
        Dense(units=10, activation="sigmoid"),
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_of_every_kind(kind: str) -> None:
    keras.utils.set_random_seed(5)
    architecture = Architecture(layers=LAYERS[kind])
    model = build_model(architecture)
    chance = np.random.default_rng(2)
    for layer in model.layers:
        shapes = [array.shape for array in layer.get_weights()]
        layer.set_weights(
            [chance.uniform(0.1, 1, shape) - 0.4 for shape in shapes[:-1]]
            + [chance.uniform(0.2, 1.2, shape) for shape in shapes[-1:]]
        )
    pixels = chance.normal(size=(28, 28, 1)).astype(np.float32)
    outputs = keras.Model(model.inputs[0], [layer.output for layer in model.layers])(pixels[None])
    names = [layer.name for layer in model.layers]
    values = {name: np.asarray(output)[0] for name, output in zip(names, outputs, strict=True)}
    check(
        LayerActivations(
            architecture,
            {INPUT_LAYER: pixels, **values},
            lambda name: model.get_layer(name).get_weights(),
            lambda name: model.get_layer(name).epsilon,
        )
    )


def test_a_convolution_batch_norm_activation_and_pool_by_hand() -> None:
    # One channel, one 2×2 kernel: 1·1 + 2·0 + 3·(-1) + 4·2 = 6, plus 0.5.
    picture = np.zeros((28, 28, 1), np.float32)
    picture[:2, :2, 0] = [[1, 2], [3, 4]]
    kernel = np.array([[1, 0], [-1, 2]], np.float32).reshape(2, 2, 1, 1).repeat(4, axis=3)
    half = np.full(4, 0.5, np.float32)
    architecture = Architecture(
        layers=(
            Conv(filters=4, kernel_size=2, activation="linear"),
            BatchNorm(),
            Activation(activation="relu"),
            Pool(size=2),
            Flatten(),
            Dense(units=10, activation="softmax"),
        )
    )
    rectified = np.zeros((27, 27, 4), np.float32)
    rectified[0, 0], rectified[1, 1] = 9.25, 11
    values = {INPUT_LAYER: picture, "activation_1": rectified}
    weights = {
        "conv_1": [kernel, half],
        # 3 · (6.5 - 0.5) / sqrt(3.9 + 0.1) + 0.25 = 9.25
        "batch_norm_1": [6 * half, half / 2, half, np.full(4, 3.9, np.float32)],
    }
    network = LayerActivations(architecture, values, weights.__getitem__, lambda name: 0.1)
    conv, norm, relu, pooled = explain_number(network, "conv_1", (0, 0, 2))
    assert isinstance(conv, ConvolutionStep)
    assert conv.products[..., 0].tolist() == [[1, 0], [-3, 8]]
    assert (conv.total, conv.bias, conv.result) == (6, 0.5, 6.5)
    assert isinstance(norm, NormalizationStep)
    assert norm.result == pytest.approx(9.25)
    assert isinstance(relu, ActivationStep)
    assert relu.result == pytest.approx(9.25)
    assert isinstance(pooled, PoolingStep)
    assert (pooled.input_position, pooled.largest_position, pooled.result) == ((0, 0), (1, 1), 11)
    assert pooled.position == (0, 0, 2)
    # The last of 27 columns has no square of its own.
    values["activation_1"] = rectified
    assert isinstance(explain_number(network, "conv_1", (0, 26, 0))[-1], DroppedNumber)


def test_the_zeros_of_the_padding_are_told_from_the_pictures() -> None:
    network = activations_with_inputs(network_of("best"), IMAGES[0])
    step = explain_number(network, "conv_5", (0, 3, 3))[0]
    assert isinstance(step, ConvolutionStep)
    assert step.corner == (-1, 2)
    assert step.inside_input.tolist() == [[False] * 3, [True, True, False], [True, True, False]]
    assert not step.patch[~step.inside_input].any()
    assert (step.patch[1:, :2] == network.values["dropout_2"][:2, 2:]).all()
    # Zeros are not empty pixels: standardized, one of these is (0 - 0.1307) / 0.3081.
    first = explain_number(network, "conv_1", (0, 25, 3))[0]
    assert isinstance(first, ConvolutionStep)
    assert first.inside_input.all()
    assert first.patch[1, 0, 0] == pytest.approx(-0.1307 / 0.3081)


def test_where_a_units_inputs_come_from() -> None:
    network = activations_with_inputs(network_of("yalcin"), IMAGES[0])
    first = explain_number(network, "dense_1", (5,))[0]
    assert isinstance(first, WeightedSum)
    assert (first.source, first.shape) == ("pool_1", (13, 13, 28))
    row, column, channel = first.position_of_input(1000)
    assert first.inputs[1000] == network.values["pool_1"][row, column, channel]
    second = explain_number(network, "dense_2", (5,))[0]
    assert (second.source, second.position_of_input(7)) == ("dense_1", (7,))
    pixel = explain_number(
        activations_with_inputs(network_of("purawr"), IMAGES[0]), "dense_1", (0,)
    )[0]
    assert (pixel.source, pixel.position_of_input(57)) == (INPUT_LAYER, (2, 1, 0))
    # A batch normalization stands between: its numbers are the inputs, in the order of the maps.
    normed = explain_number(
        activations_with_inputs(network_of("katariya-batchnorm"), IMAGES[0]), "dense_1", (0,)
    )[0]
    assert (normed.source, normed.shape) == ("batch_norm_4", (4, 4, 64))


def test_layers_that_change_nothing_say_where_the_number_stood() -> None:
    network = activations_with_inputs(network_of("fast"), IMAGES[0])
    laid = explain_number(network, "flatten_1", (300,))
    assert laid == [PassThrough("flatten_1", (300,), "activation_2", (1, 0, 12), laid[0].result)]
    steps = explain_number(
        activations_with_inputs(network_of("best"), IMAGES[0]), "dropout_1", (0, 0, 0)
    )
    assert [step.layer for step in steps] == ["pool_1", "dropout_1"]
    assert isinstance(steps[1], PassThrough)
    assert steps[1].result == steps[0].result


def test_an_activation_or_batch_norm_is_told_from_the_sum_on() -> None:
    network = activations_with_inputs(network_of("best"), IMAGES[0])
    kinds = [ConvolutionStep, NormalizationStep, ActivationStep, AverageStep]
    steps = explain_number(network, "conv_6", (3, 2, 9))
    assert [type(step) for step in steps] == kinds
    for layer in ("batch_norm_6", "activation_6"):
        again = explain_number(network, layer, (3, 2, 9))
        assert [(step.layer, step.result) for step in again] == [
            (step.layer, step.result) for step in steps
        ]
    # After a pool, the pool's square comes first.
    normed = explain_number(
        activations_with_inputs(network_of("katariya-batchnorm"), IMAGES[0]),
        "batch_norm_2",
        (5, 5, 1),
    )
    assert [type(step) for step in normed] == [PoolingStep, NormalizationStep]


def test_a_table_of_numbers() -> None:
    values = np.array([[-2.0, -0.0001], [0.5, 123.456]])
    padding = np.array([[False, True], [False, False]])
    table = number_table_html(values, "a < b", "light", padding=padding, marked={(1, 1)})
    cells = re.findall(
        r"background:rgb\((\d+),(\d+),(\d+)\);color:(\S+?);[^>]*?>([^<]*)</td>", table
    )
    assert [cell[4] for cell in cells] == ["−2.000", "(0.000)", "0.500", "123.5"]
    assert "a &lt; b" in table
    assert table.count("solid currentColor") == 1
    # The largest has the last blue, on which white is read best; a small one is nearly gray.
    assert cells[3][:4] == ("5", "48", "97", "#ffffff")
    assert cells[1][3] == "#10151f"
    assert (exact_number(-1234.5678), signed_number(-0.00001), signed_number(0.25)) == (
        "−1234.6",
        "+0.000",
        "+0.250",
    )


def test_what_does_not_exist() -> None:
    network = activations_with_inputs(network_of("fast"), IMAGES[0])
    with pytest.raises(ValueError, match="no layer"):
        explain_number(network, "conv_9", (0, 0, 0))
    for layer, place in [("conv_1", (24, 0, 0)), ("conv_1", (0, 0)), ("dense_1", (10,))]:
        with pytest.raises(IndexError, match="no place"):
            explain_number(network, layer, place)


def test_every_shipped_run_is_judged() -> None:
    assert [run.id for run in registry.list_shipped()] == RUNS
    assert set(activations.load_layer_model(network_of("fast")).layer_names) == set(
        activations_with_inputs(network_of("fast"), IMAGES[0]).values
    ) - {INPUT_LAYER}
