"""A network as validated data: its layers with the bounds of their settings.

An Architecture is a list of layers, read from input to output. It can be checked, summarized and
drawn without TensorFlow; `core.recipes.keras_model` builds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from core.data.mnist import CLASSES
from core.utils.validation import FrozenModel

INPUT_SHAPE = (28, 28, 1)
MAX_PARAMETERS = 5_000_000
_MAX_LAYERS = 40

Shape = tuple[int, ...]
ActivationName = Literal["linear", "relu", "sigmoid", "softmax", "tanh", "elu", "gelu"]


class _Layer(FrozenModel):
    def needs_feature_maps(self) -> bool:
        """Whether the layer works on feature maps, not on a flat vector."""
        return False

    def output_shape(self, shape: Shape) -> Shape:
        """Compute the output shape for one digit; a height or width of 0 means nothing is left."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """Count the layer's numbers, trainable or not, for an input of this shape."""
        return 0


class Conv(_Layer):
    """Two-dimensional convolution with a square kernel and stride 1."""

    kind: Literal["conv"] = "conv"
    filters: int = Field(ge=4, le=256)
    kernel_size: int = Field(default=3, ge=1, le=7)
    padding: Literal["valid", "same"] = "valid"
    activation: ActivationName = "relu"
    use_bias: bool = True

    def needs_feature_maps(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = shape
        lost = self.kernel_size - 1 if self.padding == "valid" else 0
        return (max(height - lost, 0), max(width - lost, 0), self.filters)

    def parameters(self, shape: Shape) -> int:
        return self.kernel_size**2 * shape[-1] * self.filters + self.filters * self.use_bias

    def __str__(self) -> str:
        return f"Conv2D {self.filters} kernels {self.kernel_size}×{self.kernel_size}" + _named(
            self.activation
        )


class BatchNorm(_Layer):
    """Batch normalization over the last axis (Ioffe and Szegedy, 2015)."""

    kind: Literal["batch-norm"] = "batch-norm"

    def parameters(self, shape: Shape) -> int:
        return 4 * shape[-1]  # gamma, beta, moving mean, moving variance

    def __str__(self) -> str:
        return "Batch normalization"


class Activation(_Layer):
    """A non-linearity as a layer of its own, for networks that normalize before it."""

    kind: Literal["activation"] = "activation"
    activation: ActivationName = "relu"

    def __str__(self) -> str:
        return f"Activation {self.activation}"


class Pool(_Layer):
    """Max or average pooling over adjacent squares; a remainder at the edge is dropped."""

    kind: Literal["pool"] = "pool"
    mode: Literal["max", "average"] = "max"
    size: int = Field(default=2, ge=2, le=4)

    def needs_feature_maps(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return (height // self.size, width // self.size, channels)

    def __str__(self) -> str:
        return f"{self.mode.capitalize()} pooling {self.size}×{self.size}"


class GlobalAverage(_Layer):
    """The average of each feature map (Lin, Chen and Yan, 2013)."""

    kind: Literal["global-average"] = "global-average"

    def needs_feature_maps(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        return shape[-1:]

    def __str__(self) -> str:
        return "Global average pooling"


class Flatten(_Layer):
    """All feature maps laid out as one vector."""

    kind: Literal["flatten"] = "flatten"

    def needs_feature_maps(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return (height * width * channels,)

    def __str__(self) -> str:
        return "Flatten"


class Dropout(_Layer):
    """Sets a fraction of the values to zero while training (Srivastava et al., 2014)."""

    kind: Literal["dropout"] = "dropout"
    rate: float = Field(default=0.2, ge=0, le=0.9)

    def __str__(self) -> str:
        return f"Dropout {self.rate:g}"


class Dense(_Layer):
    """A fully connected layer."""

    kind: Literal["dense"] = "dense"
    units: int = Field(ge=2, le=1024)
    activation: ActivationName = "relu"

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return shape[-1] * self.units + self.units

    def __str__(self) -> str:
        return f"Dense {self.units}" + _named(self.activation)


Layer = Annotated[
    Conv | BatchNorm | Activation | Pool | GlobalAverage | Flatten | Dropout | Dense,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class Row:
    """One line of a summary.

    Attributes:
        name: The layer's name in the Keras model, such as `conv_1`.
        layer: The layer.
        shape: The shape of its output for one digit.
        parameters: How many numbers it holds, trainable or not.
    """

    name: str
    layer: _Layer
    shape: Shape
    parameters: int


class Architecture(FrozenModel):
    """A stack of layers from a 28×28 digit to ten probabilities."""

    layers: tuple[Layer, ...] = Field(min_length=2, max_length=_MAX_LAYERS)

    @field_validator("layers", mode="before")
    @classmethod
    def _few_or_many(cls, layers: object) -> object:
        count = len(layers) if isinstance(layers, list | tuple) else 2
        if count < 2:
            add = "add a flatten layer or a conv block before its output"
            raise ValueError(f"a network needs at least 2 layers: {add}")
        if count > _MAX_LAYERS:
            raise ValueError(
                f"at most {_MAX_LAYERS} layers are allowed, not {count}: take some out"
            )
        return layers

    @model_validator(mode="after")
    def _can_be_built(self) -> "Architecture":
        shape: Shape = INPUT_SHAPE
        for number, layer in enumerate(self.layers, 1):
            _check(number, layer, shape)
            shape = layer.output_shape(shape)
            if 0 in shape:
                raise ValueError(
                    f"layer {number} ({layer}) leaves nothing of its input: take it out, "
                    "or make the kernels and pools before it smaller"
                )
        last = self.layers[-1]
        if not isinstance(last, Dense) or last.units != CLASSES:
            raise ValueError(
                "the last layer must be a dense layer with 10 units, one for each digit"
            )
        if last.activation not in {"softmax", "sigmoid"}:
            raise ValueError(
                "the last layer must have the activation softmax or sigmoid, not "
                f"{last.activation}: its ten outputs are read as probabilities"
            )
        if self.parameters > MAX_PARAMETERS:
            raise ValueError(
                f"the network would have {self.parameters:,} parameters; at most "
                f"{MAX_PARAMETERS:,} are allowed: pool more, or use fewer filters or dense units"
            )
        return self

    def rows(self) -> Iterator[Row]:
        """Go through the layers with their Keras names, output shapes and parameters.

        Example:
            >>> layers = (Flatten(), Dense(units=10, activation="softmax"))
            >>> [(row.name, row.shape) for row in Architecture(layers=layers).rows()]
            [('flatten_1', (784,)), ('dense_1', (10,))]
        """
        shape: Shape = INPUT_SHAPE
        seen: dict[str, int] = {}
        for layer in self.layers:
            stem = layer.kind.replace("-", "_")
            seen[stem] = seen.get(stem, 0) + 1
            parameters = layer.parameters(shape)
            shape = layer.output_shape(shape)
            yield Row(f"{stem}_{seen[stem]}", layer, shape, parameters)

    @property
    def parameters(self) -> int:
        """How many numbers the network holds, trainable or not."""
        return sum(row.parameters for row in self.rows())

    def summary(self) -> str:
        """Format the network as a table to print."""
        lines = [f"{'layer':<14}{'what it does':<36}{'output':>14}{'parameters':>12}"]
        for row in self.rows():
            shape = "×".join(map(str, row.shape))
            lines.append(f"{row.name:<14}{row.layer!s:<36}{shape:>14}{row.parameters:>12,}")
        lines.append(f"{'total':<14}{'':<36}{'':>14}{self.parameters:>12,}")
        return "\n".join(lines)


def _named(activation: ActivationName) -> str:
    return "" if activation == "linear" else f", {activation}"


def _check(number: int, layer: _Layer, shape: Shape) -> None:
    is_map = len(shape) == len(INPUT_SHAPE)
    if layer.needs_feature_maps() and not is_map:
        raise ValueError(
            f"layer {number} ({layer}) needs feature maps, but the layers before it have already "
            "made them one flat vector: move it in front of the flatten or global pooling layer"
        )
    if isinstance(layer, Dense) and is_map:
        raise ValueError(
            f"layer {number} ({layer}) needs a flat vector: put a flatten or a global average "
            "pooling layer in front of it"
        )
