"""Cautions about a network's layers; and a shape that cannot be is refused by name."""

import pytest

from core.recipes.advice import Caution
from core.recipes.architecture import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Pool,
)
from core.utils.errors import RecipeError
from tests.helpers.made_recipes import OUT, cautions, conv, recipe


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            [Conv(filters=8), *[Pool()] * 5, Flatten(), OUT],
            r"layer 6 \(Max pooling 2×2\) leaves nothing of its input",
        ),
        (
            [Pool(size=4), Conv(filters=8, kernel_size=7), Conv(filters=8), Flatten(), OUT],
            r"layer 3 \(Conv2D 8 kernels 3×3, relu\) leaves nothing of its input",
        ),
    ],
)
def test_a_shape_that_cannot_be_is_refused_with_its_layer(layers: list[Layer], sentence: str):
    dumped = {"layers": [layer.model_dump() for layer in layers]}
    with pytest.raises(RecipeError, match=sentence):
        recipe().changed(architecture=dumped)


def test_a_sigmoid_output_is_told_why_not():
    warnings = cautions(recipe(Flatten(), Dense(units=16), Dense(units=10, activation="sigmoid")))
    assert set(warnings) == {"layer 3"}
    assert "nor do they add up to 1" in warnings["layer 3"].sentence


@pytest.mark.parametrize(
    "layers",
    [
        (conv(), conv("relu")),
        (conv(), BatchNorm(), conv("relu")),
        (conv(), Activation(activation="linear"), conv("relu")),
        (conv(), Pool(mode="average"), Dropout(rate=0.1), conv("relu")),
    ],
)
def test_two_linear_layers_in_a_row_are_one(layers: tuple[Layer, ...]):
    warnings = cautions(recipe(*layers, Flatten(), OUT, epochs=10))
    assert set(warnings) == {"layer 1"}
    assert f"Layers 1 and {len(layers)} (" in warnings["layer 1"].sentence


@pytest.mark.parametrize(
    "between", [Activation(), Activation(activation="tanh"), Pool()], ids=["relu", "tanh", "max"]
)
def test_anything_that_bends_between_them_is_enough(between: Layer):
    assert cautions(recipe(conv(), between, conv("relu"), Flatten(), OUT)) == {}


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((Flatten(), OUT), "a single linear layer"),
        ((Flatten(), Dense(units=16, activation="linear"), OUT), "Nothing in this network"),
        ((conv(), conv(), conv(), Pool(mode="average"), Flatten(), OUT), "Nothing in this network"),
    ],
)
def test_a_network_without_any_bend_is_told_once(layers: tuple[Layer, ...], sentence: str):
    warnings = cautions(recipe(*layers))
    assert set(warnings) == {"architecture"}
    assert sentence in warnings["architecture"].sentence


@pytest.mark.parametrize(
    ("activation", "why"), [("sigmoid", "a quarter of the gradient"), ("softmax", "a sum of 1")]
)
def test_an_output_activation_in_a_hidden_layer(activation: str, why: str):
    for hidden in (Dense(units=16, activation=activation), Activation(activation=activation)):
        warnings = cautions(recipe(Flatten(), Dense(units=16), hidden, OUT))
        assert set(warnings) == {"layer 3"}
        assert why in warnings["layer 3"].sentence


@pytest.mark.parametrize(
    ("layers", "about"),
    [
        ((Conv(filters=4), Dropout(rate=0.7), Flatten(), OUT), {"layer 2"}),
        ((Conv(filters=4), Dropout(rate=0.6), Flatten(), OUT), set()),
        ((Conv(filters=4), Flatten(), Dropout(rate=0.55), OUT), {"layer 3"}),
        ((Conv(filters=4), Flatten(), Dropout(rate=0.5), OUT), set()),
    ],
)
def test_too_much_dropout(layers: tuple[Layer, ...], about: set[str]):
    assert set(cautions(recipe(*layers))) == about


def test_a_bias_before_batch_norm_is_needless():
    def warned(*layers: Layer) -> dict[str, Caution]:
        return cautions(recipe(*layers, Flatten(), OUT, epochs=10))

    biased = Conv(filters=4, activation="linear")
    single = warned(biased, BatchNorm(), Activation())
    assert set(single) == {"layer 1"}
    assert single["layer 1"].mild
    double = warned(biased, BatchNorm(), Activation(), biased, BatchNorm(), Activation())
    assert "The bias of layers 1 and 4 does nothing" in double["layer 1"].sentence
    assert warned(conv(), BatchNorm(), Activation()) == {}
    # Behind a ReLU the bias decides where it bends.
    assert warned(Conv(filters=4), BatchNorm()) == {}
