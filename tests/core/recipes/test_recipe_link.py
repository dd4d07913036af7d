"""A recipe in a link or a file: the same one comes out; damaged or greedy, it is one sentence."""

import base64
import json
import re
import zlib

import pytest
from hypothesis import given

from core.recipes.presets import PRESETS
from core.recipes.recipe import (
    MAX_FILE_BYTES,
    MAX_LINK_LENGTH,
    Recipe,
    recipe_from_file,
    recipe_from_link,
    recipe_to_link,
)
from core.utils.errors import RecipeError
from tests.conftest import dense_recipe
from tests.helpers.any_recipes import recipes

DAMAGED = "The settings in the link cannot be read"


def made_by_hand(fields: object) -> str:
    """A link that holds any JSON at all."""
    return packed(json.dumps(fields).encode())


def packed(text: bytes) -> str:
    return "1" + base64.urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")


def dense_with(**changes: object) -> str:
    return made_by_hand({**json.loads(dense_recipe().to_json()), **changes})


@pytest.mark.parametrize("name", PRESETS)
def test_presets_come_back_from_short_links(name: str) -> None:
    recipe = PRESETS[name].recipe
    assert recipe_from_link(recipe_to_link(recipe)) == recipe
    assert len(recipe_to_link(recipe)) < 600


@given(recipes())
def test_any_recipe_comes_back_from_its_link(recipe: Recipe) -> None:
    link = recipe_to_link(recipe)
    assert recipe_from_link(link) == recipe
    # Nothing in it has to be escaped in an address.
    assert re.fullmatch("[A-Za-z0-9_-]+", link)
    assert len(link) < MAX_LINK_LENGTH
    # Canonical: the recipe that was read back has the same link.
    assert recipe_to_link(recipe_from_link(link)) == link


def test_the_longest_recipe_fits() -> None:
    odd = [{"kind": "dropout", "rate": k / 77 + 1e-9 * k} for k in range(38)]
    dense = {"kind": "dense", "units": 10, "activation": "softmax"}
    layers = [{"kind": "flatten"}, *odd, dense]
    recipe = dense_recipe(architecture={"layers": layers})
    assert len(recipe_to_link(recipe)) < MAX_LINK_LENGTH / 2
    assert recipe_from_link(recipe_to_link(recipe)) == recipe


# A link of the first version, and all that it means, what was left out as a default included.
SHARED = (
    "1eNpNTltqxDAMvIu-zZKUUra5SilBdZxE1LaMrYRuTe6-itkt_ZuR5lUBs11JnJUtOxgqeLy5XGD4qDCTl4avBr4pTjCA"
    "5bjDYeqTJ2b_n88eRVxsJ7RCOwpx1EfhWQL-wF_S5GJxSrdIohV9d3weBnBbgovycFXI_MR9d-lU8IVi17HQr459ezXgMP"
    "vbWIRTorjA8KKnxHYtDXISCqrNZ9ajuCyT1no1RnWMGUWjuktvIPDZvYWTvmtXcU4N-tjR09R2jCV5kqY_7rFqanY"
)
SHARED_MEANS = {
    "dataset": "mnist-sample",
    "exclude_sample_test": True,
    "train_size": 0,
    "scaling": "divide-255",
    "architecture": {
        "layers": (
            {
                "kind": "conv",
                "filters": 8,
                "kernel_size": 3,
                "padding": "valid",
                "activation": "relu",
                "use_bias": True,
            },
            {"kind": "pool", "mode": "max", "size": 2},
            {"kind": "flatten"},
            {"kind": "dense", "units": 10, "activation": "softmax"},
        )
    },
    "optimizer": {
        "kind": "sgd",
        "learning_rate": 0.1,
        "beta_2": 0.999,
        "momentum": 0.9,
        "weight_decay": 0.0,
    },
    "schedule": {"kind": "constant", "warmup": 0.25},
    "loss": "sparse_categorical_crossentropy",
    "label_smoothing": 0.0,
    "batch_size": 64,
    "drop_remainder": False,
    "epochs": 2,
    "validation_split": 0.1,
    "validate_on_test": False,
    "augmentation": {
        "rotation": 10.0,
        "width_shift": 0.0,
        "height_shift": 0.0,
        "shear": 0.0,
        "zoom": 0.0,
        "warp": 0.0,
        "pens": 0.0,
        "corruptions": 0.0,
        "adversarial": 0.0,
    },
    "early_stopping": 2,
    "keep_best": False,
    "seed": 1,
}


def test_a_link_that_was_shared_keeps_its_meaning() -> None:
    # If this fails, a default has changed: see the head of core/recipes/recipe.py.
    assert recipe_from_link(SHARED).model_dump() == SHARED_MEANS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "nonsense",
        "2" + recipe_to_link(dense_recipe())[1:],  # a version that is not there yet
        recipe_to_link(dense_recipe())[:-5],  # cut off
        recipe_to_link(dense_recipe())[:-5] + "AAAAA",
        recipe_to_link(dense_recipe()) + "AAAA",
        recipe_to_link(dense_recipe()).replace("e", "é"),
        "1" + "=" * 8,
        "1\x00\ud800",
        "<script>alert(1)</script>",
    ],
)
def test_damaged_links_are_one_sentence(text: str) -> None:
    with pytest.raises(RecipeError, match=DAMAGED):
        recipe_from_link(text)


def test_too_long_a_link_is_not_even_unpacked() -> None:
    with pytest.raises(RecipeError, match="longer than 4,000 characters"):
        recipe_from_link("1" + "A" * MAX_LINK_LENGTH)


def test_a_short_link_that_unpacks_to_megabytes_is_refused() -> None:
    bomb = packed(b"[" + b" " * 2_500_000 + b"]")
    assert len(bomb) < MAX_LINK_LENGTH
    with pytest.raises(RecipeError, match=DAMAGED):
        recipe_from_link(bomb)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (dense_with(epochs=51), "epochs is 51: .*50"),
        (dense_with(nodes=8), "nodes is no setting of a recipe"),
        (dense_with(optimizer={"kind": "adam", "learning_rate": "NaN"}), "learning_rate"),
        (dense_with(architecture={"layers": [{"kind": "flatten"}] * 2}), "layer 2 "),
        (made_by_hand([]), "cannot be used"),
        (made_by_hand("text"), "cannot be used"),
        (packed(b"{"), "cannot be used"),
        (packed(b"\xff\xff"), "cannot be used"),
        (packed(b"[" * 15_000), "cannot be used"),
    ],
)
def test_what_no_slider_can_ask_for_no_link_can(link: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        recipe_from_link(link)
    assert len(str(caught.value)) < 400


@given(recipes())
def test_any_recipe_comes_back_from_the_file_that_was_taken_away(recipe: Recipe) -> None:
    content = recipe.to_json().encode()
    assert recipe_from_file(content) == recipe
    assert recipe_from_file(b"\xef\xbb\xbf" + content) == recipe  # as some editors save it
    assert len(content) < MAX_FILE_BYTES


def file_with(**changes: object) -> bytes:
    return json.dumps({**json.loads(dense_recipe().to_json()), **changes}).encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"no JSON at all", "it is no JSON, or was cut off"),
        (dense_recipe().to_json().encode()[:-20], "it is no JSON, or was cut off"),
        (b"[" * 15_000, "it is no JSON, or was cut off"),
        (b'{"architecture": ' + b"9" * 5_000 + b"}", "it is no JSON, or was cut off"),
        (dense_recipe().to_json().encode("utf-16"), "it is no text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "it is no text in UTF-8"),
        (b"[1, 2]", "it describes no network"),
        (b'"architecture"', "it describes no network"),
        (b'{"id": "fast", "recipe": {}}', "it describes no network"),
        (file_with() + b" " * MAX_FILE_BYTES, "none needs more than 50,000"),
        (file_with(epochs=51), "epochs is 51: it must be at most 50"),
        (file_with(batch_size="many"), "batch_size is 'many': it must be a whole number"),
        (file_with(nodes=8), "nodes is no setting of a recipe"),
        (file_with(architecture={"layers": [{"kind": "flatten"}] * 2}), r"layer 2 \(Flatten\)"),
        (file_with(architecture=None), "architecture is None"),
        (file_with(label_smoothing=0.1), "label_smoothing needs the loss"),
        (file_with(optimizer={"learning_rate": float("nan")}), "learning_rate is nan"),
    ],
)
def test_a_bad_file_is_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        recipe_from_file(content)
    assert len(str(caught.value)) < 400
