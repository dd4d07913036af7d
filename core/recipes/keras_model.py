"""Builds the Keras model of an architecture, and compiles that of a recipe."""

from typing import Any, Final

import keras
import tensorflow as tf

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

_KERAS_LAYERS: Final[dict[type, Any]] = {
    Conv: keras.layers.Conv2D,
    BatchNorm: keras.layers.BatchNormalization,
    Activation: keras.layers.Activation,
    GlobalAverage: keras.layers.GlobalAveragePooling2D,
    Flatten: keras.layers.Flatten,
    Dropout: keras.layers.Dropout,
    Dense: keras.layers.Dense,
}


def build_model(architecture: Architecture) -> keras.Sequential:
    """Build the network in Keras, with fresh weights.

    Args:
        architecture: The layers, from input to output.

    Returns:
        A model that is not compiled. Its layers carry the names that `Architecture.rows` gives; it
        takes float32 (n, 28, 28, 1) and gives float32 (n, 10).
    """
    # All at once: for each layer that is added later, Keras connects all of them anew.
    layers = [_keras_layer(row.layer, row.name) for row in architecture.rows()]
    return keras.Sequential([keras.Input(INPUT_SHAPE), *layers], name="digitscope")


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
    model = build_model(recipe.architecture)
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
