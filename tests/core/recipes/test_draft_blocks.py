"""Blocks hold exactly the layers that they were made from, and gather what belongs together."""

import pytest
from hypothesis import given

from core.data.augmentation import Augmentation
from core.recipes.architecture import (
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Pool,
)
from core.recipes.draft import (
    Block,
    ConvBlock,
    DenseBlock,
    SingleLayer,
    block_layers,
    to_architecture,
    to_blocks,
    with_filters,
    with_kernel_size,
)
from core.recipes.presets import PRESETS
from core.recipes.recipe import Optimizer, Recipe
from core.utils.errors import RecipeError
from core.utils.validation import bounds, choices
from tests.helpers.any_recipes import architectures

OUTPUT = DenseBlock(10, "softmax")


@given(architectures())
def test_any_architecture_is_kept_exactly(architecture: Architecture) -> None:
    assert to_architecture(to_blocks(architecture.layers)) == architecture


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_kept_exactly(name: str) -> None:
    architecture = PRESETS[name].recipe.architecture
    assert to_architecture(to_blocks(architecture.layers)) == architecture


def test_katariya_in_blocks() -> None:
    assert to_blocks(PRESETS["katariya-batchnorm"].recipe.architecture.layers) == (
        ConvBlock(32, batch_norm="before activation"),
        ConvBlock(32, pool="max"),
        SingleLayer(BatchNorm()),  # after pooling, so it belongs to no convolution
        ConvBlock(64, batch_norm="before activation"),
        ConvBlock(64, pool="max"),
        SingleLayer(Flatten()),
        SingleLayer(BatchNorm()),
        DenseBlock(512, batch_norm="before activation", dropout=0.2),
        OUTPUT,
    )


@pytest.mark.parametrize(
    ("layers", "blocks"),
    [
        (
            [Conv(filters=8, activation="tanh"), BatchNorm(), Pool(mode="average", size=3)],
            [
                ConvBlock(
                    8, activation="tanh", batch_norm="after activation", pool="average", pool_size=3
                )
            ],
        ),
        # An activation without batch norm before it stands by itself, and so does a second one.
        (
            [Conv(filters=8, activation="linear"), Activation()],
            [ConvBlock(8, activation="linear"), SingleLayer(Activation())],
        ),
        (
            [Conv(filters=8), BatchNorm(), Activation()],
            [ConvBlock(8, batch_norm="after activation"), SingleLayer(Activation())],
        ),
        # A block's dropout of 0 would be none at all.
        ([Conv(filters=8), Dropout(rate=0)], [ConvBlock(8), SingleLayer(Dropout(rate=0))]),
        # Out of the usual order, and what a dense layer cannot have.
        (
            [Conv(filters=8), Dropout(rate=0.5), Pool()],
            [ConvBlock(8, dropout=0.5), SingleLayer(Pool())],
        ),
        ([Dense(units=8), Pool()], [DenseBlock(8), SingleLayer(Pool())]),
    ],
)
def test_what_follows_a_layer_joins_its_block(layers: list[Layer], blocks: list[Block]) -> None:
    assert list(to_blocks(layers)) == blocks
    assert list(block_layers(blocks)) == layers


def test_an_impossible_shape_names_the_layer() -> None:
    blocks = [ConvBlock(8, pool="max", pool_size=4)] * 3 + [SingleLayer(Flatten()), OUTPUT]
    # 28 - 2 = 26, 26 // 4 = 6; 6 - 2 = 4, 4 // 4 = 1; 1 - 2: nothing. Layer 5 is the third one.
    with pytest.raises(RecipeError, match=r"layer 5 \(Conv2D 8 kernels 3×3, relu\) leaves nothing"):
        to_architecture(blocks)


def test_values_out_of_bounds_are_a_sentence() -> None:
    with pytest.raises(RecipeError, match=r"filters is 500: .*256"):
        block_layers([ConvBlock(500)])
    with pytest.raises(
        RecipeError, match=r"at most 40 layers are allowed, not 50: take some out\.$"
    ):
        to_architecture([SingleLayer(BatchNorm())] * 50)
    with pytest.raises(RecipeError, match=r"^This network .* at least 2 layers: add a flatten"):
        to_architecture([OUTPUT])


def filters_of(blocks: tuple[Block, ...]) -> list[int]:
    return [block.filters for block in blocks if isinstance(block, ConvBlock)]


def test_filters_keep_their_proportions_within_the_bounds() -> None:
    best = to_blocks(PRESETS["best"].recipe.architecture.layers)
    assert filters_of(with_filters(best, 16)) == [16, 16, 32, 32, 96, 96]
    assert filters_of(with_filters(best, 6)) == [6, 6, 12, 12, 36, 36]
    assert filters_of(with_filters(best, 100)) == [100, 100, 200, 200, 256, 256]
    assert filters_of(with_filters((ConvBlock(30), ConvBlock(20)), 16)) == [16, 11]  # of 10.67
    narrowing = (ConvBlock(64), ConvBlock(8))
    assert filters_of(with_filters(narrowing, 16)) == [16, 4]  # 8 · 16/64 would be 2
    assert with_filters(best, 32) == best


def test_one_kernel_size_for_all_unless_nothing_is_asked_for() -> None:
    fast = to_blocks(PRESETS["fast"].recipe.architecture.layers)
    sizes = [b.kernel_size for b in with_kernel_size(fast, 4) if isinstance(b, ConvBlock)]
    assert sizes == [4, 4, 4]
    assert with_kernel_size(fast, 5) == fast  # 5, 3, 3


def test_networks_without_convolutions_have_neither_knob() -> None:
    purawr = to_blocks(PRESETS["purawr"].recipe.architecture.layers)
    assert with_kernel_size(with_filters(purawr, 64), 7) == purawr


def test_bounds_and_choices_are_those_of_the_recipe() -> None:
    assert bounds(Recipe, "epochs") == (1, 50)
    assert isinstance(bounds(Recipe, "epochs").high, int)
    assert bounds(Optimizer, "learning_rate") == (1e-6, 1.0)
    # Written as whole numbers, meant as fractions: a slider needs one kind.
    assert all(isinstance(end, float) for end in bounds(Augmentation, "rotation"))
    assert choices(Conv, "padding") == ("valid", "same")
    with pytest.raises(ValueError, match="not bounded"):
        bounds(Recipe, "dataset")
