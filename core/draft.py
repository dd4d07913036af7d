"""A recipe while it is being changed: it may not fit together, and nothing that was set is lost.

A form shows and changes a Draft; `recipe()` gives the valid recipe that it stands for, or says why
there is none. Settings that have no effect now (label smoothing without one-hot labels, patience
without validation) are kept in the draft and left out of the recipe.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.architectures import (
    INPUT_SHAPE,
    Activation,
    BatchNorm,
    Dropout,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
    Shape,
)
from core.blocks import (
    Block,
    ConvBlock,
    DenseBlock,
    Single,
    layers_of,
    to_architecture,
    to_blocks,
)
from core.errors import RecipeError
from core.presets import BEST
from core.recipes import Augmentation, Recipe
from core.simple import first_conv, with_filters, with_kernel_size

NEW_BLOCKS: Mapping[str, Block] = {
    "conv block": ConvBlock(filters=32, padding="same", pool="max"),
    "dense layer": DenseBlock(units=64),
    "max pooling": Single(Pool()),
    "dropout": Single(Dropout()),
    "batch norm": Single(BatchNorm()),
    "activation": Single(Activation()),
    "flatten": Single(Flatten()),
    "global average": Single(GlobalAverage()),
}
"""What can be added, by name."""

_ON_MAPS = ("conv block", "max pooling")
_POOLED_FROM = 8
"""The smallest side of the maps that a new conv block pools."""
_SPLIT = 0.1


class Placed(NamedTuple):
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
    blocks: tuple[Placed, ...]
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
        placed = tuple(Placed(k, block) for k, block in enumerate(blocks))
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
        return layers_of(self._plain_blocks())

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
        placed = [Placed(old.number, new) for old, new in zip(self.blocks, turned, strict=True)]
        return dataclasses.replace(self, blocks=tuple(placed))

    def block(self, number: int) -> Block | None:
        """The block of that number, or None if it was removed."""
        return next((block for own, block in self.blocks if own == number), None)

    def with_block(self, number: int, block: Block) -> "Draft":
        """The draft with another block in that one's place."""
        return self._rebuilt(
            [Placed(own, block if own == number else old) for own, old in self.blocks]
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
        draft = self._rebuilt([*blocks[:place], Placed(number, new), *blocks[place:]])
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
            if isinstance(block, Single) and isinstance(block.layer, Flatten | GlobalAverage):
                return place
        return None

    def _plain_blocks(self) -> Sequence[Block]:
        return [block for _, block in self.blocks]

    def _rebuilt(self, blocks: Sequence[Placed]) -> "Draft":
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
    for layer in layers_of(blocks):
        shape = layer.output_shape(shape)
    return shape[0] if len(shape) == len(INPUT_SHAPE) else 0
