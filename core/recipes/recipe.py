"""A Recipe is everything that a training needs, as validated data with one JSON form.

Sliders, the command line, links and stored runs all take their limits from the fields here, so
nothing can be requested that training would refuse.

A recipe also has a short form for links, because the page's address holds all its settings: a
version digit, then base64url of the compressed JSON of what differs from the defaults. Whoever
changes a default of a recipe or a layer must raise the version and translate the old one, or links
that were shared would mean something else.
"""

import json
import math
import reprlib
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, from_json

from core.data.augmentation import Augmentation
from core.data.mnist import MNIST_TRAIN, DatasetName
from core.data.normalization import Scaling
from core.recipes.architecture import Architecture
from core.utils.compact_text import pack_text, unpack_text
from core.utils.errors import RecipeError
from core.utils.validation import FrozenModel

LossName = Literal["sparse_categorical_crossentropy", "categorical_crossentropy"]


MIN_TRAIN_SIZE = 100
"""The fewest digits that a recipe can train on, ten of each class."""


class Optimizer(FrozenModel):
    """How the weights follow the gradient; the names are Keras's."""

    kind: Literal["adam", "rmsprop", "sgd"] = "adam"
    learning_rate: float = Field(default=0.001, ge=1e-6, le=1.0)
    beta_2: float = Field(default=0.999, ge=0.9, le=0.9999, description="Adam only")
    momentum: float = Field(default=0.0, ge=0.0, le=0.99, description="RMSprop and SGD")
    weight_decay: float = Field(default=0.0, ge=0.0, le=0.2, description="decoupled, of kernels")


class Schedule(FrozenModel):
    """How the learning rate moves over the training.

    `one-cycle` (Smith and Topin, 2019) climbs linearly to the optimizer's learning rate during the
    first `warmup` of all steps and falls on a cosine almost to zero by the last.
    """

    kind: Literal["constant", "one-cycle"] = "constant"
    warmup: float = Field(default=0.25, ge=0.0, le=0.9)

    def at(self, step: int, steps: int, peak: float) -> float:
        """The learning rate of step 0 <= `step` < `steps`, where `peak` is the optimizer's."""
        if self.kind == "constant":
            return peak
        done = step / max(steps - 1, 1)
        if done < self.warmup:
            return peak * (0.04 + 0.96 * done / self.warmup)
        falling = (done - self.warmup) / (1 - self.warmup)
        return peak * (0.0005 + 0.9995 * (1 + math.cos(math.pi * falling)) / 2)


class Recipe(FrozenModel):
    """Dataset, network, and how it is trained. Equal recipes, seed included, give equal runs.

    What each field means stands in `core.recipes.descriptions.GLOSSARY`.
    """

    dataset: DatasetName = "mnist-sample"
    exclude_sample_test: bool = True
    train_size: int = Field(
        default=0, ge=0, le=MNIST_TRAIN, description="training digits that are used; 0: all"
    )
    scaling: Scaling = "divide-255"
    architecture: Architecture
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    loss: LossName = "sparse_categorical_crossentropy"
    label_smoothing: float = Field(default=0.0, ge=0, le=0.3)
    batch_size: int = Field(default=32, ge=8, le=512)
    drop_remainder: bool = Field(
        default=False, description="each epoch leaves out its last batch if that is smaller"
    )
    epochs: int = Field(default=5, ge=1, le=50)
    validation_split: float = Field(default=0.0, ge=0, le=0.5)
    validate_on_test: bool = False
    augmentation: Augmentation = Augmentation()
    early_stopping: int = Field(
        default=0,
        ge=0,
        le=20,
        description="epochs without a lower validation loss that end the training; 0: never",
    )
    keep_best: bool = Field(
        default=False, description="the run keeps the weights of the lowest validation loss"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        if self.label_smoothing and self.loss != "categorical_crossentropy":
            raise ValueError(
                "label_smoothing needs the loss categorical_crossentropy: it mixes one-hot labels, "
                "and sparse_categorical_crossentropy takes integers"
            )
        if 0 < self.train_size < MIN_TRAIN_SIZE:
            raise ValueError(
                f"train_size must be 0, which takes all digits, or at least {MIN_TRAIN_SIZE}"
            )
        if self.augmentation.adversarial and self.scaling == "l2-axis-1":
            raise ValueError(
                "adversarial pushes are bounded pixel by pixel, and l2-axis-1 scales a column of "
                "pixels as a whole: choose the scaling divide-255 or standardise"
            )
        if self.validate_on_test and self.validation_split:
            raise ValueError(
                "choose one of validation_split and validate_on_test: a run is validated on one set"
            )
        if (self.early_stopping or self.keep_best) and not self.validates:
            raise ValueError(
                "early_stopping and keep_best go by the validation loss: they need a "
                "validation_split, or validate_on_test"
            )
        return self

    @property
    def validates(self) -> bool:
        """Whether each epoch ends with a validation."""
        return self.validate_on_test or self.validation_split > 0

    def steps_per_epoch(self, n_train: int) -> int:
        """Count the batches of an epoch of `n_train` digits.

        Example:
            >>> from core.recipes.presets import PRESETS
            >>> recipe = PRESETS["katariya"].recipe
            >>> recipe.steps_per_epoch(60_000)
            937
            >>> recipe.changed(drop_remainder=False).steps_per_epoch(60_000)
            938
        """
        if self.drop_remainder and n_train >= self.batch_size:
            return n_train // self.batch_size
        return math.ceil(n_train / self.batch_size)

    def to_json(self) -> str:
        """Serialize the recipe; equal recipes give equal texts."""
        return self.model_dump_json(indent=2)

    @staticmethod
    def from_json(text: str | bytes) -> "Recipe":
        """Parse a recipe that `to_json` wrote.

        Raises:
            RecipeError: It is no valid recipe; the text says what is wrong first.
        """
        try:
            return Recipe.model_validate_json(text)
        except ValidationError as error:
            raise RecipeError(explain_error(error)) from error

    def changed(self, **changes: object) -> "Recipe":
        """Make a recipe with other values for some fields, and validate it.

        Args:
            **changes: New values by the names of the fields.

        Raises:
            RecipeError: A value is out of bounds, or the values do not fit together.

        Example:
            >>> from core.recipes.presets import PRESETS
            >>> PRESETS["fast"].recipe.changed(epochs=3).epochs
            3
        """
        try:
            return Recipe.model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            raise RecipeError(explain_error(error)) from error


def explain_error(error: ValidationError) -> str:
    """Phrase the first error that pydantic found: where, what is wrong, what was given."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "recipe"
    if first["type"] == "extra_forbidden":
        return f"The recipe cannot be used: {where} is no setting of a recipe."
    message = _explanation(first)
    if first["type"] in {"value_error", "missing"} or isinstance(first["input"], dict):
        return f"The recipe cannot be used: {where}: {message}."
    given = reprlib.repr(first["input"])
    return f"The recipe cannot be used: {where} is {given}: {message[:1].lower()}{message[1:]}."


_MUST_BE = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "model_attributes_type": "a group of settings with their names",
    "model_type": "a group of settings with their names",
    "tuple_type": "a list",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
}
"""What a value has to be, by pydantic's name of the error."""


def _explanation(fault: ErrorDetails) -> str:
    """Say what is wrong in terms of networks, where pydantic speaks to programmers."""
    if fault["type"] == "missing":
        return "this setting is missing"
    if fault["type"] == "union_tag_not_found":
        return "a layer needs its kind"
    context, given = fault.get("ctx", {}), fault["input"]
    if fault["type"] == "union_tag_invalid":
        return (
            f"there is no layer of the kind {context['tag']!r}; the kinds are "
            f"{context['expected_tags']}"
        )
    if isinstance(given, float) and math.isnan(given):
        return "it must be a number"
    if fault["type"] in _MUST_BE:
        return f"it must be {_MUST_BE[fault['type']].format_map(context)}"
    return fault["msg"].removeprefix("Value error, ")


_LINK_VERSION = "1"
MAX_LINK_LENGTH = 4_000
"""Characters; about the longest recipe there can be, forty layers with odd numbers, has 1,400."""
_MAX_JSON = 20_000
MAX_FILE_BYTES = 50_000
"""Bytes; the longest recipe that is downloaded has some 8,000."""
_DAMAGED = (
    "The settings in the link cannot be read: it was cut off, or it is no link of this page. "
    "Copy the whole link again."
)


def recipe_to_link(recipe: Recipe) -> str:
    """Encode a recipe for a link.

    Returns:
        Text of the characters A-Z a-z 0-9 - _; equal recipes give equal texts.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> recipe = PRESETS["yalcin"].recipe
        >>> recipe_from_link(recipe_to_link(recipe)) == recipe
        True
    """
    fields = recipe.model_dump(mode="json", exclude_defaults=True)
    # A layer's kind is a default too, but tells how to read the rest.
    fields["architecture"]["layers"] = [
        {"kind": layer.kind, **layer.model_dump(mode="json", exclude_defaults=True)}
        for layer in recipe.architecture.layers
    ]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return _LINK_VERSION + pack_text(text)


def recipe_from_link(text: str) -> Recipe:
    """Decode the recipe of a link.

    Args:
        text: What `recipe_to_link` returned.

    Raises:
        RecipeError: The text is too long, damaged or of another version, or it holds no valid
            recipe.
    """
    if len(text) > MAX_LINK_LENGTH:
        raise RecipeError(
            f"The settings in the link cannot be read: they are longer than {MAX_LINK_LENGTH:,} "
            "characters, which no recipe needs."
        )
    if not text.startswith(_LINK_VERSION):
        raise RecipeError(_DAMAGED)
    return Recipe.from_json(_unpacked(text.removeprefix(_LINK_VERSION)))


def recipe_from_file(content: bytes) -> Recipe:
    """Read the recipe of an uploaded file.

    Args:
        content: The bytes of the file: the JSON that `Recipe.to_json` writes.

    Raises:
        RecipeError: The file is too large, is no text or no JSON, or holds no valid recipe.
    """
    if len(content) > MAX_FILE_BYTES:
        raise RecipeError(
            f"This file is no recipe: it has {len(content):,} bytes, and none needs more than "
            f"{MAX_FILE_BYTES:,}."
        )
    text = _text(content)
    try:
        fields = from_json(text)
    except ValueError as error:
        raise RecipeError(
            "This file cannot be read as a recipe: it is no JSON, or was cut off. Take it away "
            "once more."
        ) from error
    if not isinstance(fields, dict) or "architecture" not in fields:
        raise RecipeError(
            "This file is no recipe: it describes no network. Take the file recipe.json, of a "
            "downloaded run or from “Export as code”."
        )
    return Recipe.from_json(text)


def _text(content: bytes) -> str:
    if not content.strip():
        raise RecipeError("This file is no recipe: it is empty. Take it away once more.")
    try:
        # Some editors begin a file with a mark that JSON does not have.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(
            "This file cannot be read as a recipe: it is no text in UTF-8. Save it as UTF-8, or "
            "take it away once more."
        ) from error


def _unpacked(text: str) -> bytes:
    try:
        return unpack_text(text, _MAX_JSON)
    except ValueError as error:
        raise RecipeError(_DAMAGED) from error
