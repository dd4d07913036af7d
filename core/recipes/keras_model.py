"""Builds the Keras model of an architecture, and compiles that of a recipe."""

from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from core.data.normalization import scale
from core.recipes.adversarial_network import AdversarialNetwork
from core.recipes.architecture import (
    INPUT_SHAPE,
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
from core.recipes.recipe import Optimizer, Recipe

_EXTREMES: Final = np.tile(np.array([0, 255], np.uint8), (1, 28, 14))
"""A picture of empty pixels and full ink."""
_KERAS_LAYERS: Final[dict[type, Any]] = {
    Conv: keras.layers.Conv2D,
    BatchNorm: keras.layers.BatchNormalization,
    Activation: keras.layers.Activation,
    GlobalAverage: keras.layers.GlobalAveragePooling2D,
    Flatten: keras.layers.Flatten,
    Dropout: keras.layers.Dropout,
    Dense: keras.layers.Dense,
}


def build_model(
    architecture: Architecture, kind: type[keras.Sequential] = keras.Sequential
) -> keras.Sequential:
    """Build the network in Keras, with fresh weights.

    Args:
        architecture: The layers, from input to output.
        kind: The class of the model.

    Returns:
        A model that is not compiled. Its layers carry the names that `Architecture.rows` gives; it
        takes float32 (n, 28, 28, 1) and gives float32 (n, 10).
    """
    # All at once: for each layer that is added later, Keras connects all of them anew.
    layers = [_keras_layer(row.layer, row.name) for row in architecture.rows()]
    return kind([keras.Input(INPUT_SHAPE), *layers], name="digitscope")


def compiled_model(recipe: Recipe) -> keras.Sequential:
    """Build the recipe's network, freshly seeded, and compile it for training.

    Args:
        recipe: Its seed, optimizer and loss are used; its schedule is left to the training.

    Returns:
        A model whose weights are the same at each call. From here on TensorFlow computes
        deterministically.
    """
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    model = _network(recipe)
    loss: keras.losses.Loss = keras.losses.SparseCategoricalCrossentropy()
    accuracy: keras.metrics.Metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    if recipe.loss == "categorical_crossentropy":
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
        accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    # On a CPU, XLA made these networks 5 to 8 times slower.
    model.compile(
        optimizer=_keras_optimizer(recipe.optimizer),
        loss=loss,
        metrics=[accuracy],
        jit_compile=False,
    )
    # With all variables there, the first step is traced once; creating them, it would be twice.
    model.optimizer.build(model.trainable_variables)
    return model


def _network(recipe: Recipe) -> keras.Sequential:
    """The recipe's network: one that is trained against an attack, if the recipe says so."""
    epsilon = recipe.augmentation.adversarial
    if not epsilon:
        return build_model(recipe.architecture)
    model = build_model(recipe.architecture, AdversarialNetwork)
    low, high = (float(value) for value in scale(_EXTREMES, recipe.scaling)[0, 0, :2, 0])
    model.push_within(epsilon * (high - low), low, high, recipe.seed)
    return model


def _keras_layer(layer: Any, name: str) -> Any:
    if isinstance(layer, Pool):
        average, largest = keras.layers.AveragePooling2D, keras.layers.MaxPooling2D
        return (average if layer.mode == "average" else largest)(layer.size, name=name)
    # Our field names are Keras's own argument names, so the rest is the same call for all.
    return _KERAS_LAYERS[type(layer)](**layer.model_dump(exclude={"kind"}), name=name)


def _keras_optimizer(settings: Optimizer) -> keras.optimizers.Optimizer:
    decay = settings.weight_decay or None
    rate = settings.learning_rate
    optimizer: keras.optimizers.Optimizer
    if settings.kind == "adam":
        optimizer = keras.optimizers.Adam(rate, beta_2=settings.beta_2, weight_decay=decay)
    elif settings.kind == "rmsprop":
        optimizer = keras.optimizers.RMSprop(rate, momentum=settings.momentum, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=settings.momentum, weight_decay=decay)
    if decay:
        # Decaying biases and batch norm's scales gains nothing and can hurt.
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
