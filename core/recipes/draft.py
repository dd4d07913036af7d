"""A recipe while it is being changed: it may not fit together, and nothing that was set is lost.

A form shows and changes a Draft; `recipe()` gives the valid recipe that it stands for, or says why
there is none. Settings that have no effect now (label smoothing without one-hot labels, patience
without validation) are kept in the draft and left out of the recipe.

An architecture as the blocks in which people think of it, for a form to change.

A convolution and a dense layer take in what usually follows them, so that batch norm, pooling and
dropout are settings of theirs; every other layer is a block of its own. Blocks hold exactly the
layers that they were made from: no architecture is changed by looking at it this way.

The simple knobs of a network: one number for all filters, one for all kernels.
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
        yield from _normalized(self.batch_norm, self.activation)
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
        yield from _normalized(self.batch_norm, self.activation)
        if self.dropout:
            yield Dropout(rate=self.dropout)

    def __str__(self) -> str:
        parts = [f"Dense {self.units}", *_in_words(self.batch_norm, self.activation)]
        if self.dropout:
            parts.append(f"dropout {self.dropout:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class SingleLayer:
    """A layer that stands by itself."""

    layer: Layer

    def layers(self) -> Iterator[Layer]:
        """The one layer."""
        yield self.layer

    def __str__(self) -> str:
        return str(self.layer)


Block = ConvBlock | DenseBlock | SingleLayer


def to_blocks(layers: Sequence[Layer]) -> tuple[Block, ...]:
    """The layers, gathered into blocks: `layers_of(to_blocks(layers))` is `layers` again."""
    rest, blocks = list(layers), list[Block]()
    while rest:
        block = _first_block(rest)
        blocks.append(block)
        del rest[: len(list(block.layers()))]
    return tuple(blocks)


def block_layers(blocks: Sequence[Block]) -> tuple[Layer, ...]:
    """All layers of the blocks, in order. Raises RecipeError if a value is out of bounds."""
    try:
        return tuple(layer for block in blocks for layer in block.layers())
    except ValidationError as error:
        raise RecipeError(explain_error(error)) from error


def to_architecture(blocks: Sequence[Block]) -> Architecture:
    """The network of these blocks.

    Raises RecipeError with a sentence, naming the layer, if it cannot be built.
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


def _in_words(batch_norm: Norm, activation: ActivationName) -> list[str]:
    if batch_norm == "none":
        return [activation]
    order = ["batch norm", activation]
    return order if batch_norm == "before activation" else order[::-1]


def _first_block(layers: Sequence[Layer]) -> Block:
    """The block with which the layers begin, as large as it can be."""
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


def first_conv(blocks: Sequence[Block]) -> ConvBlock | None:
    """The first convolution, whose numbers the knobs show; None for a network without any."""
    return next((block for block in blocks if isinstance(block, ConvBlock)), None)


def with_filters(blocks: Sequence[Block], filters: int) -> tuple[Block, ...]:
    """The first convolution with that many filters, all others in proportion, within the bounds."""
    first = first_conv(blocks)
    if first is None:
        return tuple(blocks)
    low, high = bounds(Conv, "filters")
    factor = filters / first.filters

    def scaled(conv: ConvBlock) -> ConvBlock:
        wanted = min(max(round(conv.filters * factor), low), high)
        return dataclasses.replace(conv, filters=int(wanted))

    return tuple(scaled(block) if isinstance(block, ConvBlock) else block for block in blocks)


def with_kernel_size(blocks: Sequence[Block], size: int) -> tuple[Block, ...]:
    """All kernels size × size; unchanged if the first one is that already.

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
"""What can be added, by name."""
_ON_MAPS = ("conv block", "max pooling")
_POOLED_FROM = 8
"""The smallest side of the maps that a new conv block pools."""
_SPLIT = 0.1


class PlacedBlock(NamedTuple):
    """A block with a number that stays its own when blocks are moved, added and removed."""

    number: int
    block: Block


@dataclass(frozen=True)
class Draft:
    """Settings as they stand in a form. Every change gives a new draft.

    `settings`: the recipe's fields but the architecture, and `validation` ("none", "split", "test")
    in place of `validate_on_test`. `base`: the blocks as they were last set one by one, from which
    the simple knobs start. `augmentation_when_on`: what is switched on again.
    """

    settings: Mapping[str, Any]
    blocks: tuple[PlacedBlock, ...]
    base: tuple[Block, ...]
    augmentation_when_on: Mapping[str, float]

    @staticmethod
    def of(recipe: Recipe) -> "Draft":
        """The draft that stands for this recipe."""
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
        """The recipe. Raises RecipeError with a sentence if the settings do not fit together."""
        fields = dict(self.settings)
        validation = fields.pop("validation")
        fields["validate_on_test"] = validation == "test"
        if validation != "split":
            fields["validation_split"] = 0.0
        if not self.smooths:
            fields["label_smoothing"] = 0.0
        if not self.validates:
            fields |= {"early_stopping": 0, "keep_best": False}
        architecture = to_architecture(self._plain_blocks())
        return Recipe(architecture=architecture).changed(**fields)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, whether they can be built or not."""
        return block_layers(self._plain_blocks())

    @property
    def smooths(self) -> bool:
        """Whether the loss takes one-hot labels, which alone can be smoothed."""
        return bool(self.settings["loss"] == "categorical_crossentropy")

    @property
    def validates(self) -> bool:
        """Whether there are digits to validate on."""
        how = self.settings["validation"]
        return bool(how == "test" or (how == "split" and self.settings["validation_split"]))

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation that is set."""
        return Augmentation(**self.settings["augmentation"])

    def get(self, path: str) -> Any:
        """A setting by its path, such as `epochs` or `optimizer.learning_rate`."""
        part, _, name = path.rpartition(".")
        return self.settings[part][name] if part else self.settings[name]

    def with_setting(self, path: str, value: object) -> "Draft":
        """The draft with another value at a path."""
        part, _, name = path.rpartition(".")
        changed = {part: {**self.settings[part], name: value}} if part else {name: value}
        draft = dataclasses.replace(self, settings={**self.settings, **changed})
        if draft.augmentation.active:
            kept = draft.settings["augmentation"]
            return dataclasses.replace(draft, augmentation_when_on=kept)
        return draft

    def with_augmentation(self, on: bool) -> "Draft":
        """Augmentation off, or on as strong as it last was (at first as in the preset `best`)."""
        wanted = self.augmentation_when_on if on else Augmentation().model_dump()
        return dataclasses.replace(self, settings={**self.settings, "augmentation": wanted})

    @property
    def first_conv(self) -> ConvBlock | None:
        """The first convolution, which the simple knobs show; None if there is none."""
        return first_conv(self._plain_blocks())

    def with_knobs(self, filters: int, kernel_size: int) -> "Draft":
        """The simple knobs, both applied to the blocks as they were last set one by one."""
        turned = with_kernel_size(with_filters(self.base, filters), kernel_size)
        placed = [
            PlacedBlock(old.number, new) for old, new in zip(self.blocks, turned, strict=True)
        ]
        return dataclasses.replace(self, blocks=tuple(placed))

    def block(self, number: int) -> Block | None:
        """The block of that number, or None if it was removed."""
        return next((block for own, block in self.blocks if own == number), None)

    def with_block(self, number: int, block: Block) -> "Draft":
        """The draft with another block in that one's place."""
        return self._rebuilt(
            [PlacedBlock(own, block if own == number else old) for own, old in self.blocks]
        )

    def added(self, name: str, after: int) -> tuple["Draft", int]:
        """With a new block of NEW_BLOCKS behind that one, and its number.

        A convolution or a pooling goes in front of the layer that makes one vector of the maps, a
        dense layer behind it, and nothing behind the output. A new conv block pools only large
        maps, and only if the layers behind it still have room.
        """
        number = 1 + max(own for own, _ in self.blocks)
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
        """Without that block. The output, which is last, stays."""
        return self._rebuilt(
            [placed for placed in self.blocks[:-1] if placed.number != number] + [self.blocks[-1]]
        )

    def moved(self, number: int, by: int) -> "Draft":
        """With that block `by` places further on (-1: nearer the input); the output stays last."""
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
        """For each block its first and last layer, counted from 1 as in the sentences on faults."""
        numbers, last = [], 0
        for _, block in self.blocks:
            first, last = last + 1, last + len(list(block.layers()))
            numbers.append((first, last))
        return numbers

    def _place(self, number: int) -> int:
        """Where that block stands; the output's place if it was removed."""
        numbers = [own for own, _ in self.blocks]
        return numbers.index(number) if number in numbers else len(numbers) - 1

    @property
    def _joint(self) -> int | None:
        """Where maps become one vector."""
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
    """Whether the new block there has large maps to pool, and leaves enough for those behind it."""
    try:
        to_architecture(blocks)
    except RecipeError:
        return False
    return _side(blocks[:place]) >= _POOLED_FROM


def _side(blocks: Sequence[Block]) -> int:
    """Height and width of the maps behind these blocks, which can be built; 0: one vector."""
    shape: Shape = INPUT_SHAPE
    for layer in block_layers(blocks):
        shape = layer.output_shape(shape)
    return shape[0] if len(shape) == len(INPUT_SHAPE) else 0
