"""The Keras model of a recipe: its first weights, and how often its first step is traced."""

from typing import Any

import keras
import numpy as np
import pytest

from core.recipes.keras_model import compiled_model
from tests.conftest import conv_recipe, dense_recipe


def test_seed_decides_the_weights_that_a_training_begins_with() -> None:
    first, same, other = (
        b"".join(array.tobytes() for array in compiled_model(conv_recipe(seed=seed)).get_weights())
        for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_a_training_step_is_traced_once_and_tells_its_accuracy(
    loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = compiled_model(dense_recipe(loss=loss))
    traced: list[keras.Model] = []
    step = keras.Sequential.train_step

    def train_step(self: keras.Model, data: Any) -> Any:
        traced.append(self)
        return step(self, data)

    monkeypatch.setattr(keras.Sequential, "train_step", train_step)
    # Without ink all ten logits stay equal, so that the first is the answer: right once in ten.
    model.set_weights([np.zeros((784, 10)), np.zeros(10)])
    model.optimizer.learning_rate = 0.0
    labels = np.arange(10)
    if loss == "categorical_crossentropy":
        labels = np.eye(10)[labels]
    told = model.fit(np.zeros((10, 28, 28, 1)), labels, epochs=2, verbose=0)
    assert traced == [model]
    assert told.history["accuracy"] == pytest.approx([0.1, 0.1])
