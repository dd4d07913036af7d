"""The glossary has a sentence for everything that the training page lets one set."""

from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from core.recipes.architecture import Layer
from core.recipes.descriptions import GLOSSARY
from core.recipes.recipe import Recipe


def settings(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Paths of all fields of a recipe that are no model themselves."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        parts = isinstance(kind, type) and issubclass(kind, BaseModel)
        if parts and name != "architecture":
            yield from settings(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def layer_settings() -> Iterator[str]:
    """Each kind of layer, and its fields."""
    union = get_args(Layer)[0]
    for layer in get_args(union):
        kind = layer.model_fields["kind"].default
        yield kind
        yield from (f"{kind}.{name}" for name in layer.model_fields if name != "kind")


EVERYTHING = [*settings(Recipe), *layer_settings()]


def test_the_walk_reaches_every_depth():
    assert {"epochs", "optimizer.momentum", "batch-norm", "pool.size"} <= set(EVERYTHING)


def test_every_setting_is_explained_and_nothing_that_is_gone():
    assert set(GLOSSARY) == set(EVERYTHING)


@pytest.mark.parametrize("setting", GLOSSARY)
def test_a_tooltip_is_short_and_whole(setting: str):
    text = GLOSSARY[setting]
    assert 20 < len(text) < 260
    assert text[0].isupper()
    assert text.endswith(".")
