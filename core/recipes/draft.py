"""A recipe while a form changes it: it may be invalid for a while, and no setting is lost.

A form shows and changes a `Draft`; `Draft.recipe` gives the valid recipe that it stands for, or
says why there is none. Settings without effect at the moment (label smoothing without one-hot
labels, early stopping without validation) stay in the draft and are left out of the recipe.

The network of a draft consists of blocks, in which people think of it: a convolution or a dense
layer includes what usually follows it, so that batch norm, pooling and dropout are settings of the
block; every other layer is a block of its own. Blocks hold exactly the layers that they were made
from. Two simple knobs set the number of filters and the kernel size of all convolutions at once.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import ValidationError

from core.data.augmentation import Augmentation
from core.recipes.architecture import (
    INPUT_SHAPE,
    Activation,
    ActivationName,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
    Shape,
)
from core.recipes.presets import BEST
from core.recipes.recipe import Recipe, explain_error
from core.utils.errors import RecipeError
from core.utils.validation import bounds

Norm = Literal["none", "before activation", "after activation"]
"""Where a block normalizes its batch."""
Pooling = Literal["none", "max", "average"]
NORMS: tuple[Norm, ...] = get_args(Norm)
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class ConvBlock:
    """A convolution, optionally followed by batch norm, activation, pooling and dropout."""

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
        yield from _normalized(self.batch_norm, self.activation)
        if self.pool != "none":
            yield Pool(mode=self.pool, size=self.pool_size)
        if self.dropout:
            yield Dropout(rate=self.dropout)

    def __str__(self) -> str:
        size = f"{self.kernel_size}×{self.kernel_size}"
        parts = [f"Conv {self.filters}, {size}", *_norm_parts(self.batch_norm, self.activation)]
        if self.pool != "none":
            parts.append(f"{self.pool} pooling {self.pool_size}×{self.pool_size}")
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class DenseBlock:
    """A dense layer, optionally followed by batch norm, activation and dropout."""

    units: int
    activation: ActivationName = "relu"
    batch_norm: Norm = "none"
    dropout: float = 0.0

    def layers(self) -> Iterator[Layer]:
        """The layers of the block. Raises ValidationError if a value is out of bounds."""
        linear = self.batch_norm == "before activation"
        yield Dense(units=self.units, activation="linear" if linear else self.activation)
        yield from _normalized(self.batch_norm, self.activation)
        if self.dropout:
            yield Dropout(rate=self.dropout)

    def __str__(self) -> str:
        parts = [f"Dense {self.units}", *_norm_parts(self.batch_norm, self.activation)]
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class SingleLayer:
    """A layer that stands by itself."""

    layer: Layer

    def layers(self) -> Iterator[Layer]:
        """The layer alone."""
        yield self.layer

    def __str__(self) -> str:
        return str(self.layer)


Block = ConvBlock | DenseBlock | SingleLayer


def to_blocks(layers: Sequence[Layer]) -> tuple[Block, ...]:
    """Group layers into blocks; `block_layers` gives the same layers back.

    Example:
        >>> layers = [Conv(filters=8), Pool(), Flatten(), Dense(units=10, activation="softmax")]
        >>> [str(block) for block in to_blocks(layers)]
        ['Conv 8, 3×3, relu, max pooling 2×2', 'Flatten', 'Dense 10, softmax']
    """
    rest, blocks = list(layers), list[Block]()
    while rest:
        block = _first_block(rest)
        blocks.append(block)
        del rest[: len(list(block.layers()))]
    return tuple(blocks)


def block_layers(blocks: Sequence[Block]) -> tuple[Layer, ...]:
    """List all layers of the blocks, in order.

    Raises:
        RecipeError: A value is out of bounds.
    """
    try:
        return tuple(layer for block in blocks for layer in block.layers())
    except ValidationError as error:
        raise RecipeError(explain_error(error)) from error


def to_architecture(blocks: Sequence[Block]) -> Architecture:
    """Make the network of these blocks.

    Raises:
        RecipeError: It cannot be built; the text names the layer.
    """
    try:
        return Architecture(layers=block_layers(blocks))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] != "value_error":
            raise RecipeError(explain_error(error)) from error
        fault = first["msg"].removeprefix("Value error, ")
        raise RecipeError(f"This network cannot be built: {fault}.") from error


def _normalized(batch_norm: Norm, activation: ActivationName) -> Iterator[Layer]:
    if batch_norm != "none":
        yield BatchNorm()
    if batch_norm == "before activation":
        yield Activation(activation=activation)


def _norm_parts(batch_norm: Norm, activation: ActivationName) -> list[str]:
    if batch_norm == "none":
        return [activation]
    order = ["batch norm", activation]
    return order if batch_norm == "before activation" else order[::-1]


def _first_block(layers: Sequence[Layer]) -> Block:
    """Make the largest block with which the layers begin."""
    first = layers[0]
    if not isinstance(first, Conv | Dense):
        return SingleLayer(first)
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
    """Remove batch norm, and an activation after it, from the head of the rest."""
    if not _take(BatchNorm, rest):
        return "none", first.activation
    # With an activation in both places, only that of the first layer can be the block's.
    separate = _take(Activation, rest) if first.activation == "linear" else None
    if separate:
        return "before activation", separate.activation
    return "after activation", first.activation


def _take(kind: type[_Kind], rest: list[Layer]) -> _Kind | None:
    """Remove the head of the rest if it is of that kind."""
    if not rest or not isinstance(rest[0], kind):
        return None
    head: _Kind = rest[0]
    del rest[0]
    return head


def first_conv(blocks: Sequence[Block]) -> ConvBlock | None:
    """Find the first convolution, whose numbers the knobs show; None if there is none."""
    return next((block for block in blocks if isinstance(block, ConvBlock)), None)


def with_filters(blocks: Sequence[Block], filters: int) -> tuple[Block, ...]:
    """Scale the filters of all convolutions.

    Args:
        blocks: The blocks of a network.
        filters: Filters of the first convolution; the others keep their proportion to it, within
            the bounds of the field.
    """
    first = first_conv(blocks)
    if first is None:
        return tuple(blocks)
    low, high = bounds(Conv, "filters")
    factor = filters / first.filters

    def scaled(conv: ConvBlock) -> ConvBlock:
        count = min(max(round(conv.filters * factor), low), high)
        return dataclasses.replace(conv, filters=int(count))

    return tuple(scaled(block) if isinstance(block, ConvBlock) else block for block in blocks)


def with_kernel_size(blocks: Sequence[Block], size: int) -> tuple[Block, ...]:
    """Set the kernel size of all convolutions, unless the first one has it already.

    So a network whose kernels differ keeps them while the knob stays where it was.
    """
    first = first_conv(blocks)
    if first is None or first.kernel_size == size:
        return tuple(blocks)
    return tuple(
        dataclasses.replace(block, kernel_size=size) if isinstance(block, ConvBlock) else block
        for block in blocks
    )


NEW_BLOCKS: Mapping[str, Block] = {
    "conv block": ConvBlock(filters=32, padding="same", pool="max"),
    "dense layer": DenseBlock(units=64),
    "max pooling": SingleLayer(Pool()),
    "dropout": SingleLayer(Dropout()),
    "batch norm": SingleLayer(BatchNorm()),
    "activation": SingleLayer(Activation()),
    "flatten": SingleLayer(Flatten()),
    "global average": SingleLayer(GlobalAverage()),
}
"""The blocks that can be added, by name."""
_ON_MAPS = ("conv block", "max pooling")
_POOLED_FROM = 8
"""The smallest side of the maps that a new conv block pools."""
_SPLIT = 0.1


class PlacedBlock(NamedTuple):
    """A block in a draft.

    Attributes:
        number: Identifies the block, however blocks are moved, added and removed.
        block: Its layers and settings.
    """

    number: int
    block: Block


@dataclass(frozen=True)
class Draft:
    """The settings of a form; immutable, so every change returns a new draft.

    Attributes:
        settings: The recipe's fields but the architecture, and `validation` ("none", "split",
            "test") in place of `validate_on_test`.
        blocks: The network.
        base: The blocks as they were last edited one by one, from which the simple knobs start.
        augmentation_when_on: The strengths that switching augmentation on restores.
    """

    settings: Mapping[str, Any]
    blocks: tuple[PlacedBlock, ...]
    base: tuple[Block, ...]
    augmentation_when_on: Mapping[str, float]

    @staticmethod
    def from_recipe(recipe: Recipe) -> "Draft":
        """Make the draft that stands for a recipe.

        Example:
            >>> Draft.from_recipe(BEST.recipe).recipe() == BEST.recipe
            True
        """
        settings = recipe.model_dump(exclude={"architecture", "validate_on_test"})
        settings["validation"] = "split" if recipe.validation_split else "none"
        if recipe.validate_on_test:
            settings["validation"] = "test"
        settings["validation_split"] = recipe.validation_split or _SPLIT
        blocks = to_blocks(recipe.architecture.layers)
        placed = tuple(PlacedBlock(k, block) for k, block in enumerate(blocks))
        on = recipe.augmentation if recipe.augmentation.active else BEST.recipe.augmentation
        return Draft(settings, placed, blocks, on.model_dump())

    def recipe(self) -> Recipe:
        """Make the recipe that the draft stands for.

        Raises:
            RecipeError: The settings do not fit together, or the network cannot be built.
        """
        fields = dict(self.settings)
        validation = fields.pop("validation")
        fields["validate_on_test"] = validation == "test"
        if validation != "split":
            fields["validation_split"] = 0.0
        if not self.uses_label_smoothing:
            fields["label_smoothing"] = 0.0
        if not self.validates:
            fields |= {"early_stopping": 0, "keep_best": False}
        architecture = to_architecture(self._plain_blocks())
        return Recipe(architecture=architecture).changed(**fields)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, whether the network can be built or not."""
        return block_layers(self._plain_blocks())

    @property
    def uses_label_smoothing(self) -> bool:
        """Whether the loss takes one-hot labels, the only ones that can be smoothed."""
        return bool(self.settings["loss"] == "categorical_crossentropy")

    @property
    def validates(self) -> bool:
        """Whether there are digits to validate on."""
        validation = self.settings["validation"]
        has_split = validation == "split" and self.settings["validation_split"]
        return bool(validation == "test" or has_split)

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation in force."""
        return Augmentation(**self.settings["augmentation"])

    def get(self, path: str) -> Any:
        """Get a setting by its path, such as `epochs` or `optimizer.learning_rate`."""
        part, _, name = path.rpartition(".")
        return self.settings[part][name] if part else self.settings[name]

    def with_setting(self, path: str, value: object) -> "Draft":
        """Set another value at a path (see `get`)."""
        part, _, name = path.rpartition(".")
        changed = {part: {**self.settings[part], name: value}} if part else {name: value}
        draft = dataclasses.replace(self, settings={**self.settings, **changed})
        if draft.augmentation.active:
            strengths = draft.settings["augmentation"]
            return dataclasses.replace(draft, augmentation_when_on=strengths)
        return draft

    def with_augmentation(self, on: bool) -> "Draft":
        """Switch augmentation off, or on as it last was (at first as in the preset `best`)."""
        strengths = self.augmentation_when_on if on else Augmentation().model_dump()
        return dataclasses.replace(self, settings={**self.settings, "augmentation": strengths})

    @property
    def first_conv(self) -> ConvBlock | None:
        """The first convolution, which the simple knobs show; None if there is none."""
        return first_conv(self._plain_blocks())

    def with_knobs(self, filters: int, kernel_size: int) -> "Draft":
        """Apply both simple knobs to the blocks as they were last edited one by one."""
        changed = with_kernel_size(with_filters(self.base, filters), kernel_size)
        placed = [
            PlacedBlock(old.number, new) for old, new in zip(self.blocks, changed, strict=True)
        ]
        return dataclasses.replace(self, blocks=tuple(placed))

    def block(self, number: int) -> Block | None:
        """Get the block of a number; None if it was removed."""
        return next((placed.block for placed in self.blocks if placed.number == number), None)

    def with_block(self, number: int, block: Block) -> "Draft":
        """Replace the block of a number."""
        return self._rebuilt(
            [
                PlacedBlock(number, block) if placed.number == number else placed
                for placed in self.blocks
            ]
        )

    def added(self, name: str, after: int) -> tuple["Draft", int]:
        """Add a block.

        A convolution or a pooling goes in front of the layer that makes one vector of the maps, a
        dense layer behind it, and nothing behind the output. A new conv block pools only large
        maps, and only if the layers behind it still have room.

        Args:
            name: The new block, by its name in NEW_BLOCKS.
            after: The number of the block to put it behind.

        Returns:
            The changed draft, and the number of the new block.
        """
        number = 1 + max(placed.number for placed in self.blocks)
        new = NEW_BLOCKS[name]
        place = self._place(after) + 1
        if self._joint is not None and name in _ON_MAPS:
            place = min(place, self._joint)
        if self._joint is not None and isinstance(new, DenseBlock):
            place = max(place, self._joint + 1)
        blocks = list(self.blocks)
        place = min(place, len(blocks) - 1)
        draft = self._rebuilt([*blocks[:place], PlacedBlock(number, new), *blocks[place:]])
        if isinstance(new, ConvBlock) and not _room_to_pool(draft.base, place):
            draft = draft.with_block(number, dataclasses.replace(new, pool="none"))
        return draft, number

    def removed(self, number: int) -> "Draft":
        """Remove a block, but never the output, which is last."""
        return self._rebuilt(
            [placed for placed in self.blocks[:-1] if placed.number != number] + [self.blocks[-1]]
        )

    def moved(self, number: int, by: int) -> "Draft":
        """Move a block `by` places further on (-1: nearer the input); the output stays last."""
        blocks = list(self.blocks)
        place = self._place(number)
        target = min(max(place + by, 0), len(blocks) - 2)
        if place < len(blocks) - 1:
            blocks.insert(target, blocks.pop(place))
        return self._rebuilt(blocks)

    def may_move(self, number: int, by: int) -> bool:
        """Whether `moved` would change anything."""
        return self.moved(number, by).blocks != self.blocks

    def layer_numbers(self) -> list[tuple[int, int]]:
        """List the first and last layer of each block, counted from 1 as in error messages."""
        numbers, last = [], 0
        for _, block in self.blocks:
            first, last = last + 1, last + len(list(block.layers()))
            numbers.append((first, last))
        return numbers

    def _place(self, number: int) -> int:
        """Find the place of a block; that of the output if it was removed."""
        numbers = [placed.number for placed in self.blocks]
        return numbers.index(number) if number in numbers else len(numbers) - 1

    @property
    def _joint(self) -> int | None:
        """The place of the block that makes one vector of the maps."""
        for place, (_, block) in enumerate(self.blocks):
            if isinstance(block, SingleLayer) and isinstance(block.layer, Flatten | GlobalAverage):
                return place
        return None

    def _plain_blocks(self) -> Sequence[Block]:
        return [block for _, block in self.blocks]

    def _rebuilt(self, blocks: Sequence[PlacedBlock]) -> "Draft":
        base = tuple(block for _, block in blocks)
        return dataclasses.replace(self, blocks=tuple(blocks), base=base)


def _room_to_pool(blocks: Sequence[Block], place: int) -> bool:
    """Whether a new block at a place has large maps to pool, and leaves enough for the rest."""
    try:
        to_architecture(blocks)
    except RecipeError:
        return False
    return _map_side(blocks[:place]) >= _POOLED_FROM


def _map_side(blocks: Sequence[Block]) -> int:
    """Compute the height and width of the maps behind these blocks; 0 for one vector."""
    shape: Shape = INPUT_SHAPE
    for layer in block_layers(blocks):
        shape = layer.output_shape(shape)
    return shape[0] if len(shape) == len(INPUT_SHAPE) else 0
