# bench: heavy
"""Which learning rates are too large, and which too small, to learn digits at all?

Networks are trained for two epochs on the sample's 4,000 training digits, with each optimizer, at a
constant rate and with one-cycle: a small one (two convolutions, two dense layers), the same with
batch norm, and a large one (the preset `yalcin`'s: 607,394 parameters), which is asked of large
rates only. What they then answer on the sample's 1,000 test digits tells the rates that learn from
those that do not. One seed and few rates: read it for orders of magnitude.

    python -m benchmarks.learning_rates

Writes `benchmarks/results/learning_rates.json`. `core.recipes.advice` takes its thresholds from it.
"""

from __future__ import annotations

import itertools
import math
import os
from typing import Any, Final

from benchmarks.common import parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from core.data import mnist
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    Layer,
    Pool,
)
from core.recipes.keras_model import compiled_model
from core.recipes.presets import find_preset
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.training.input_pipeline import evaluation_batches, training_batches

SMALL: Final = (1e-6, 1e-5, 1e-4, 0.001)
LARGE: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
OPTIMIZERS: Final = {
    "adam": Optimizer(kind="adam"),
    "rmsprop": Optimizer(kind="rmsprop"),
    "rmsprop, momentum 0.9": Optimizer(kind="rmsprop", momentum=0.9),
    "sgd": Optimizer(kind="sgd"),
    "sgd, momentum 0.9": Optimizer(kind="sgd", momentum=0.9),
}
SEED: Final = 1


def main() -> None:
    """Train the grid, print a line a row, write the result."""
    asked = parser(__doc__).parse_args()
    figures: list[dict[str, Any]] = []
    for (optimizer, chosen), (name, layers) in itertools.product(
        OPTIMIZERS.items(), _networks().items()
    ):
        network = _Network(layers, chosen)
        constant = LARGE if name == "large" else SMALL + LARGE
        for schedule, rates in (
            (Schedule(), constant),
            (Schedule(kind="one-cycle"), LARGE),
        ):
            accuracy = {
                f"{rate:g}": network.learns(schedule, rate)
                for rate in (rates[-1:] if asked.quick else rates)
            }
            row = {"optimizer": optimizer, "network": name, "schedule": schedule.kind}
            figures.append({**row, "accuracy": accuracy})
            print(*row.values(), accuracy, sep=" | ", flush=True)
    write_result("learning_rates", figures, seed=SEED, quick=asked.quick)


def _networks() -> dict[str, tuple[Layer, ...]]:
    end = (Pool(), Flatten(), Dense(units=32), Dense(units=10, activation="softmax"))
    return {
        "small": (*_conv(8, norm=False), Pool(), *_conv(16, norm=False), *end),
        "small, batch norm": (*_conv(8, norm=True), Pool(), *_conv(16, norm=True), *end),
        "large": find_preset("yalcin").recipe.architecture.layers,
    }


def _conv(filters: int, *, norm: bool) -> tuple[Layer, ...]:
    if not norm:
        return (Conv(filters=filters),)
    return (Conv(filters=filters, activation="linear", use_bias=False), BatchNorm(), Activation())


class _Network:
    """One compiled network that starts from the same weights each time: compiling takes longest."""

    def __init__(self, layers: tuple[Layer, ...], optimizer: Optimizer) -> None:
        made = Architecture(layers=layers)
        recipe = self._recipe = Recipe(architecture=made, optimizer=optimizer, epochs=2, seed=SEED)
        self._digits = mnist.load(recipe.dataset)
        self._steps = recipe.epochs * recipe.steps_per_epoch(len(self._digits.train))
        self._model = compiled_model(recipe)
        self._model.optimizer.build(self._model.trainable_variables)
        self._weights = self._model.get_weights()
        self._moments = [variable.numpy() for variable in self._model.optimizer.variables]

    def learns(self, schedule: Schedule, rate: float) -> float | None:
        """The fraction of the sample's test digits read rightly; None if the numbers blew up."""
        import keras

        model = self._model
        model.set_weights(self._weights)
        for variable, value in zip(model.optimizer.variables, self._moments, strict=True):
            variable.assign(value)

        def set_rate(step: int, logs: Any) -> None:  # noqa: ARG001 - Keras gives it
            model.optimizer.learning_rate = schedule.at(step, self._steps, rate)

        model.fit(
            training_batches(self._digits.train, self._recipe),
            steps_per_epoch=self._steps,  # one long epoch, so that a step is a batch of the whole
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_begin=set_rate)],
            shuffle=False,
            verbose=0,
        )
        test = evaluation_batches(self._digits.test, self._recipe)
        loss, accuracy = model.evaluate(test, verbose=0)
        return round(float(accuracy), 3) if math.isfinite(loss) else None


if __name__ == "__main__":
    start(main)
