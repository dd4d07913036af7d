"""An architecture as the blocks in which people think of it, for a form to change.

A convolution and a dense layer take in what usually follows them, so that batch norm, pooling and
dropout are settings of theirs; every other layer is a block of its own. Blocks hold exactly the
layers that they were made from: no architecture is changed by looking at it this way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from pydantic import ValidationError

from core.architectures import (
    Activation,
    ActivationName,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Layer,
    Pool,
)
from core.errors import RecipeError
from core.recipes import explain

Norm = Literal["none", "before activation", "after activation"]
"""Where a block normalises its batch."""
Pooling = Literal["none", "max", "average"]
NORMS: tuple[Norm, ...] = get_args(Norm)
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class ConvBlock:
    """A convolution, then, as far as they are wanted, batch norm, activation, pooling, dropout."""

    filters: int
    kernel_size: int = 3
    padding: Literal["valid", "same"] = "valid"
    activation: ActivationName = "relu"
    use_bias: bool = True
    batch_norm: Norm = "none"
    pool: Pooling = "none"
    pool_size: int = 2
    dropout: float = 0.0

    def layers(self) -> Iterator[Layer]:
        """The layers of the block. Raises ValidationError if a value is out of bounds."""
        yield Conv(
            filters=self.filters,
            kernel_size=self.kernel_size,
            padding=self.padding,
            activation="linear" if self.batch_norm == "before activation" else self.activation,
            use_bias=self.use_bias,
        )
        yield from _normalised(self.batch_norm, self.activation)
        if self.pool != "none":
            yield Pool(mode=self.pool, size=self.pool_size)
        if self.dropout:
            yield Dropout(rate=self.dropout)

    def __str__(self) -> str:
        size = f"{self.kernel_size}×{self.kernel_size}"
        parts = [f"Conv {self.filters}, {size}", *_in_words(self.batch_norm, self.activation)]
        if self.pool != "none":
            parts.append(f"{self.pool} pooling {self.pool_size}×{self.pool_size}")
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class DenseBlock:
    """A dense layer, then, as far as they are wanted, batch norm, activation, dropout."""

    units: int
    activation: ActivationName = "relu"
    batch_norm: Norm = "none"
    dropout: float = 0.0

    def layers(self) -> Iterator[Layer]:
        """The layers of the block. Raises ValidationError if a value is out of bounds."""
        linear = self.batch_norm == "before activation"
        yield Dense(units=self.units, activation="linear" if linear else self.activation)
        yield from _normalised(self.batch_norm, self.activation)
        if self.dropout:
            yield Dropout(rate=self.dropout)

    def __str__(self) -> str:
        parts = [f"Dense {self.units}", *_in_words(self.batch_norm, self.activation)]
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Single:
    """A layer that stands by itself."""

    layer: Layer

    def layers(self) -> Iterator[Layer]:
        """The one layer."""
        yield self.layer

    def __str__(self) -> str:
        return str(self.layer)


Block = ConvBlock | DenseBlock | Single


def to_blocks(layers: Sequence[Layer]) -> tuple[Block, ...]:
    """The layers, gathered into blocks: `layers_of(to_blocks(layers))` is `layers` again."""
    rest, blocks = list(layers), list[Block]()
    while rest:
        block = _first_block(rest)
        blocks.append(block)
        del rest[: len(list(block.layers()))]
    return tuple(blocks)


def layers_of(blocks: Sequence[Block]) -> tuple[Layer, ...]:
    """All layers of the blocks, in order. Raises RecipeError if a value is out of bounds."""
    try:
        return tuple(layer for block in blocks for layer in block.layers())
    except ValidationError as error:
        raise RecipeError(explain(error)) from error


def to_architecture(blocks: Sequence[Block]) -> Architecture:
    """The network of these blocks.

    Raises RecipeError with a sentence, naming the layer, if it cannot be built.
    """
    try:
        return Architecture(layers=layers_of(blocks))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] != "value_error":
            raise RecipeError(explain(error)) from error
        fault = first["msg"].removeprefix("Value error, ")
        raise RecipeError(f"This network cannot be built: {fault}.") from error


def _normalised(batch_norm: Norm, activation: ActivationName) -> Iterator[Layer]:
    if batch_norm != "none":
        yield BatchNorm()
    if batch_norm == "before activation":
        yield Activation(activation=activation)


def _in_words(batch_norm: Norm, activation: ActivationName) -> list[str]:
    if batch_norm == "none":
        return [activation]
    order = ["batch norm", activation]
    return order if batch_norm == "before activation" else order[::-1]


def _first_block(layers: Sequence[Layer]) -> Block:
    """The block with which the layers begin, as large as it can be."""
    first = layers[0]
    if not isinstance(first, Conv | Dense):
        return Single(first)
    rest = list(layers[1:])
    batch_norm, activation = _take_norm(first, rest)
    pool = _take(Pool, rest) if isinstance(first, Conv) else None
    # A dropout of rate 0 stands by itself: a block's own 0 means that there is none.
    rate = rest[0].rate if rest and isinstance(rest[0], Dropout) else 0.0
    if isinstance(first, Dense):
        return DenseBlock(first.units, activation, batch_norm, rate)
    return ConvBlock(
        first.filters,
        first.kernel_size,
        first.padding,
        activation,
        first.use_bias,
        batch_norm,
        pool.mode if pool else "none",
        pool.size if pool else 2,
        rate,
    )


def _take_norm(first: Conv | Dense, rest: list[Layer]) -> tuple[Norm, ActivationName]:
    """Take batch norm, and an activation after it, from the head of the rest."""
    if not _take(BatchNorm, rest):
        return "none", first.activation
    # With an activation in both places, only the convolution's own can be the block's.
    after = _take(Activation, rest) if first.activation == "linear" else None
    return (
        ("before activation", after.activation) if after else ("after activation", first.activation)
    )


def _take(kind: type[_Kind], rest: list[Layer]) -> _Kind | None:
    if not rest or not isinstance(rest[0], kind):
        return None
    taken: _Kind = rest[0]
    del rest[0]
    return taken
