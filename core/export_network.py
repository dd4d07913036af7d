"""A recipe's network, optimizer and loss as Keras source code."""

from core.architectures import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Pool,
    Row,
)
from core.export_source import literal
from core.recipes import Optimizer, Recipe

_KERAS_NAMES = {
    Conv: "Conv2D",
    BatchNorm: "BatchNormalization",
    Activation: "Activation",
    GlobalAverage: "GlobalAveragePooling2D",
    Flatten: "Flatten",
    Dropout: "Dropout",
    Dense: "Dense",
}
# Keras's own defaults, which need not be said.
_DEFAULTS = {"padding": "valid", "activation": "linear", "use_bias": True}


def network(recipe: Recipe) -> str:
    """The function `build_network`, whose layers bear the names of `Architecture.rows`."""
    rows = "\n".join(f"        {_layer(row)}," for row in recipe.architecture.rows())
    return f'''
def build_network() -> keras.Sequential:
    """The network with fresh weights: the same ones each time."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    stack = [
        keras.Input((28, 28, 1)),
{rows}
    ]
    return keras.Sequential(stack, name="digitscope")
'''


def _layer(row: Row) -> str:
    """The call that makes a layer, as in `core.keras_model`."""
    layer = row.layer
    if isinstance(layer, Pool):
        kind = "AveragePooling2D" if layer.mode == "average" else "MaxPooling2D"
        return f'layers.{kind}({layer.size}, name="{row.name}")'
    given = layer.model_dump(exclude={"kind"})
    plain = ("filters", "units", "rate") if type(layer) is not Activation else ("activation",)
    values = [literal(given.pop(name)) for name in plain if name in given]
    if isinstance(layer, Conv):
        values.append(literal(given.pop("kernel_size")))
    values += [
        f"{name}={literal(value)}" for name, value in given.items() if value != _DEFAULTS.get(name)
    ]
    values.append(f'name="{row.name}"')
    return f"layers.{_KERAS_NAMES[type(layer)]}({', '.join(values)})"


def optimizer(wanted: Optimizer) -> str:
    """The lines that make the `optimizer`, within a function."""
    call = {
        "adam": f"Adam(LEARNING_RATE, beta_2={wanted.beta_2!r}",
        "rmsprop": f"RMSprop(LEARNING_RATE, momentum={wanted.momentum!r}",
        "sgd": f"SGD(LEARNING_RATE, momentum={wanted.momentum!r}",
    }[wanted.kind]
    if not wanted.weight_decay:
        return f"    optimizer = keras.optimizers.{call})"
    return f"""\
    optimizer = keras.optimizers.{call}, weight_decay={wanted.weight_decay!r})
    # Decaying biases and batch norm's scales gains nothing and can hurt.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])"""


def loss(recipe: Recipe) -> str:
    """The expression that makes the loss."""
    if recipe.loss == "sparse_categorical_crossentropy":
        return "keras.losses.SparseCategoricalCrossentropy()"
    return f"keras.losses.CategoricalCrossentropy(label_smoothing={recipe.label_smoothing!r})"
