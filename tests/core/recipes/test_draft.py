"""A draft gives back its recipe, keeps what has no effect now, and moves blocks safely."""

import pytest
from hypothesis import given

from core.recipes.architecture import Flatten, Pool
from core.recipes.draft import NEW_BLOCKS, ConvBlock, DenseBlock, Draft, SingleLayer
from core.recipes.presets import PRESETS
from core.recipes.recipe import Recipe
from core.utils.errors import RecipeError
from tests.conftest import conv_recipe, dense_recipe
from tests.helpers.any_recipes import recipes


def kinds(draft: Draft) -> list[str]:
    return [str(block).split()[0].rstrip(",") for _, block in draft.blocks]


@given(recipes())
def test_any_recipe_comes_back_from_its_draft(recipe: Recipe) -> None:
    assert Draft.from_recipe(recipe).recipe() == recipe


def test_settings_without_effect_are_kept_but_not_asked_for() -> None:
    recipe = conv_recipe(
        loss="categorical_crossentropy", label_smoothing=0.1, early_stopping=3, keep_best=True
    )
    off = (
        Draft.from_recipe(recipe)
        .with_setting("loss", "sparse_categorical_crossentropy")
        .with_setting("validation", "none")
    )
    without = off.recipe()
    assert (without.label_smoothing, without.early_stopping, without.keep_best) == (0, 0, False)
    assert without.validation_split == 0
    on = off.with_setting("loss", "categorical_crossentropy").with_setting("validation", "split")
    assert on.recipe() == recipe


def test_validating_on_the_test_digits_replaces_the_split() -> None:
    recipe = Draft.from_recipe(conv_recipe()).with_setting("validation", "test").recipe()
    assert recipe.validate_on_test
    assert recipe.validation_split == 0


def test_a_split_of_nothing_validates_nothing() -> None:
    draft = Draft.from_recipe(conv_recipe(early_stopping=2)).with_setting("validation_split", 0.0)
    assert not draft.validates
    assert draft.recipe().early_stopping == 0


def test_augmentation_comes_back_as_it_was() -> None:
    recipe = conv_recipe(augmentation={"rotation": 7})
    off = Draft.from_recipe(recipe).with_augmentation(False)
    assert not off.recipe().augmentation.active
    assert off.with_augmentation(True).recipe() == recipe
    # Strengths that were set one by one are those that come back.
    stronger = Draft.from_recipe(recipe).with_setting("augmentation.zoom", 0.3)
    assert (
        stronger.with_augmentation(False).with_augmentation(True).recipe().augmentation.zoom == 0.3
    )


def test_augmentation_of_a_recipe_without_any_is_that_of_best() -> None:
    on = Draft.from_recipe(conv_recipe()).with_augmentation(True).recipe()
    assert on.augmentation == PRESETS["best"].recipe.augmentation


def test_knobs_start_from_the_layers_as_they_were_set() -> None:
    start = Draft.from_recipe(PRESETS["fast"].recipe)
    there = start.with_knobs(128, 7)
    # Clipped to 128, 256, 256 on the way, and 5, 3, 3 made 7, 7, 7: nothing of it stays.
    assert there.with_knobs(16, 5).recipe() == PRESETS["fast"].recipe
    number = there.blocks[1].number
    edited = there.with_block(number, ConvBlock(64, 3))
    wider = [b.filters for _, b in edited.with_knobs(64, 7).blocks if isinstance(b, ConvBlock)]
    assert wider == [64, 32, 128]  # half of 128, 64, 256


def test_knobs_work_where_blocks_could_be_joined() -> None:
    # A pooling that was added behind a convolution stays a block of its own.
    draft, _ = Draft.from_recipe(conv_recipe()).added("max pooling", 0)
    assert draft.with_knobs(16, 3).recipe().architecture.layers[0].filters == 16  # type: ignore[union-attr]


def test_moving_removing_and_adding() -> None:
    draft = Draft.from_recipe(PRESETS["katariya"].recipe)
    numbers = [number for number, _ in draft.blocks]
    first, second = numbers[:2]
    moved = draft.moved(first, 1)
    assert [number for number, _ in moved.blocks[:2]] == [second, first]
    assert moved.moved(first, -1) == draft
    gone = draft.removed(second)
    assert [number for number, _ in gone.blocks] == [n for n in numbers if n != second]
    # Whatever is pressed twice, or too late, does nothing.
    assert gone.removed(second) == gone
    assert gone.moved(second, 1) == gone
    assert gone.with_block(second, ConvBlock(8)) == gone


def test_the_output_stays_last_and_alone() -> None:
    draft = Draft.from_recipe(conv_recipe())
    last = draft.blocks[-1].number
    assert draft.removed(last) == draft
    assert not draft.may_move(last, -1)
    assert not draft.may_move(draft.blocks[-2].number, 1)
    assert not draft.may_move(draft.blocks[0].number, -1)
    assert draft.may_move(draft.blocks[0].number, 1)


@pytest.mark.parametrize("name", NEW_BLOCKS)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_whatever_is_added_stands_in_front_of_the_output(name: str, after: int) -> None:
    # Convolution with pooling, flatten, output.
    draft, number = Draft.from_recipe(conv_recipe()).added(name, after)
    assert len(draft.blocks) == 4
    assert draft.block(number) == NEW_BLOCKS[name]
    assert draft.blocks[-1].block == DenseBlock(10, "softmax")


@pytest.mark.parametrize("after", [0, 1, 2])
def test_what_is_added_first_can_be_built_wherever_one_is(after: int) -> None:
    for name in ("conv block", "dense layer", "max pooling", "dropout", "batch norm"):
        draft, _ = Draft.from_recipe(conv_recipe()).added(name, after)
        assert draft.recipe()


def test_additions_go_to_their_side_of_the_flatten() -> None:
    draft = Draft.from_recipe(conv_recipe())
    assert kinds(draft.added("conv block", 2)[0]) == ["Conv", "Conv", "Flatten", "Dense"]
    assert kinds(draft.added("dense layer", 0)[0]) == ["Conv", "Flatten", "Dense", "Dense"]
    # Behind the chosen one where that is possible.
    twice, number = draft.added("conv block", 0)
    assert kinds(twice.added("dropout", number)[0])[:3] == ["Conv", "Conv", "Dropout"]


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "purawr"])
def test_conv_blocks_can_be_added_again_and_again(name: str) -> None:
    draft = Draft.from_recipe(PRESETS[name].recipe)
    for _ in range(8):
        draft, number = draft.added("conv block", 0)
        assert draft.recipe()
        new = draft.block(number)
        assert isinstance(new, ConvBlock)
        assert new.padding == "same"


def test_new_conv_blocks_pool_only_large_maps() -> None:
    # 28 - 2 = 26, 26 / 2 = 13; the first new block makes 6 of it, which the second leaves.
    once, first = Draft.from_recipe(conv_recipe()).added("conv block", 0)
    twice, second = once.added("conv block", first)
    pools = [block.pool for _, block in twice.blocks if isinstance(block, ConvBlock)]
    assert pools == ["max", "max", "none"]
    assert second == twice.blocks[2].number


def test_a_new_conv_block_leaves_room_for_those_behind_it() -> None:
    # In soorya 13 is left after the first block: 6 after pooling, 4, 2, and then no kernel fits.
    draft, number = Draft.from_recipe(PRESETS["soorya"].recipe).added("conv block", 0)
    new = draft.block(number)
    assert isinstance(new, ConvBlock)
    assert new.pool == "none"


def test_a_network_that_cannot_be_is_kept_and_named() -> None:
    draft, _ = Draft.from_recipe(dense_recipe()).added("flatten", 0)
    with pytest.raises(RecipeError, match=r"^This network cannot be built: layer 2 \(Flatten\)"):
        draft.recipe()
    assert kinds(draft) == ["Flatten", "Flatten", "Dense"]
    assert [str(layer) for layer in draft.layers[:2]] == ["Flatten", "Flatten"]


def test_blocks_know_the_numbers_of_their_layers() -> None:
    # The sentences on faults count layers, the list shows blocks.
    draft = Draft.from_recipe(PRESETS["yalcin"].recipe)
    assert draft.layer_numbers() == [(1, 2), (3, 3), (4, 5), (6, 6)]
    assert draft.blocks[1].block == SingleLayer(Flatten())
    assert PRESETS["yalcin"].recipe.architecture.layers[1] == Pool()
