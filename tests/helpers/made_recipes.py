"""A recipe that deserves no caution, and the parts to spoil it with."""

from core.recipes import advice
from core.recipes.advice import Caution, training_digit_count
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Layer,
)
from core.recipes.recipe import Optimizer, Recipe, Schedule
from tests.conftest import conv_recipe

OUT = Dense(units=10, activation="softmax")
SMALL = (Conv(filters=4), Flatten(), OUT)


def recipe(*layers: Layer, **changes: object) -> Recipe:
    """A recipe that deserves no caution, unless it is changed."""
    if layers:
        changes["architecture"] = Architecture(layers=layers)
    return conv_recipe(**{"epochs": 4, **changes})


def cautions(wanted: Recipe, n_train: int | None = None) -> dict[str, Caution]:
    warnings = advice.recipe_warnings(wanted, n_train or training_digit_count(wanted))
    assert len({caution.about for caution in warnings}) == len(warnings)
    return {caution.about: caution for caution in warnings}


def conv(activation: str = "linear") -> Conv:
    return Conv(filters=4, activation=activation, use_bias=False)


NORMED = (conv(), BatchNorm(), Activation(), Flatten(), OUT)
CYCLE = {"schedule": Schedule(kind="one-cycle")}


def rated(kind: str, rate: float, momentum: float = 0.0) -> dict[str, object]:
    return {"optimizer": Optimizer(kind=kind, learning_rate=rate, momentum=momentum)}
