"""The settings form's network: its blocks, and what is said of one that cannot be built."""

import pytest
from streamlit.testing.v1 import AppTest

from core.recipes.draft import ConvBlock, Draft
from core.recipes.presets import PRESETS
from pages.widgets.train.settings_fields import block_setting
from tests.helpers import settings_form
from tests.helpers.settings_form import (
    EPOCHS,
    FILTERS,
    KERNEL,
    RATE,
    chosen_block,
    everything,
    got,
    in_link,
    listed_blocks,
    opened,
)

no_own_runs, form = settings_form.no_own_runs, settings_form.form


def test_blocks_are_changed_moved_added_and_removed(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    conv, flatten, dense = (
        "Conv 28, 3×3, linear, max pooling 2×2",
        "Flatten",
        "Dense 128, relu, dropout 0.2",
    )
    output = "Dense 10, softmax"
    assert listed_blocks(form) == [conv, flatten, dense, output]
    form.slider(key="settings-block-0-filters").set_value(12).run()
    form.selectbox(key="settings-block-0-batch_norm").set_value("before activation").run()
    form.selectbox(key="settings-block-0-pool").set_value("average").run()
    form.select_slider(key="settings-block-0-pool_size").set_value(3).run()
    form.slider(key="settings-block-0-dropout").set_value(0.15).run()
    conv = "Conv 12, 3×3, batch norm, linear, average pooling 3×3, dropout 0.15"
    assert listed_blocks(form)[0] == conv
    assert [str(layer) for layer in got(form).architecture.layers[:5]] == [
        "Conv2D 12 kernels 3×3",
        "Batch normalization",
        "Activation linear",
        "Average pooling 3×3",
        "Dropout 0.15",
    ]
    form.button(key="settings-add-conv block").click().run()
    assert listed_blocks(form)[1].startswith("Conv 32")
    form.button(key="settings-up").click().run()
    assert listed_blocks(form)[0].startswith("Conv 32")
    assert got(form).architecture.layers[0].filters == 32  # type: ignore[union-attr]
    form.button(key="settings-remove").click().run()
    assert listed_blocks(form) == [conv, flatten, dense, output]
    form.button(key="settings-add-dense layer").click().run()
    assert listed_blocks(form) == [conv, flatten, "Dense 64, relu", dense, output]
    form.button(key="settings-down").click().run()
    assert listed_blocks(form) == [conv, flatten, dense, "Dense 64, relu", output]
    form.menu_button(key="settings-add").set_value("dropout").run()
    assert listed_blocks(form)[4] == "Dropout 0.2"
    assert in_link(form) == got(form)


def test_the_output_can_be_a_sigmoid_and_neither_moved_nor_removed(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    chosen_block(form, 3)
    for name in ("up", "down", "remove"):
        assert form.button(key=f"settings-{name}").disabled
    form.selectbox(key="settings-block-3-activation").set_value("sigmoid").run()
    assert got(form).architecture.layers[-1].activation == "sigmoid"  # type: ignore[union-attr]


def test_flatten_becomes_global_average(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    chosen_block(form, 1)
    form.selectbox(key="settings-block-1-joint").set_value("global-average").run()
    assert got(form).architecture.layers[2].kind == "global-average"


def test_a_size_is_asked_for_only_where_something_is_pooled(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    size = "settings-block-0-pool_size"
    form.select_slider(key=size).set_value(3).run()
    form.selectbox(key="settings-block-0-pool").set_value("none").run()
    assert size not in [each.key for each in form.select_slider]
    form.selectbox(key="settings-block-0-pool").set_value("max").run()
    assert form.select_slider(key=size).value == 3


def test_an_impossible_network_is_named_kept_and_taken_back(form: AppTest) -> None:
    opened(form, preset="soorya")
    # 28 to 24 to 12 to 8 to 4 to 0: the third convolution, layer 5, has no room.
    form.select_slider(key=KERNEL).set_value(5).run()
    assert form.session_state["got"] is None
    assert "layer 5 (Conv2D 64 kernels 5×5, relu) leaves nothing" in form.error[0].value.replace(
        "\\", ""
    )
    assert form.select_slider(key=KERNEL).value == 5
    # Other settings can be changed meanwhile, and count once the network fits again.
    form.slider(key=EPOCHS).set_value(9).run()
    soorya = PRESETS["soorya"].recipe.changed(dataset="mnist-sample")
    assert in_link(form) == soorya
    form.select_slider(key=KERNEL).set_value(3).run()
    assert got(form) == soorya.changed(epochs=9)
    form.select_slider(key=KERNEL).set_value(7).run()
    next(
        b for b in form.button if b.label.startswith("Restore the last valid settings")
    ).click().run()
    assert got(form) == soorya.changed(epochs=9)
    assert form.select_slider(key=KERNEL).value == 3


def test_an_impossible_network_is_drawn_up_to_the_layer_that_fails() -> None:
    def view() -> None:
        from core.runs.permissions import limits
        from pages.widgets.train.setup import setup_view

        setup_view("a-visitor", limits())

    form = opened(AppTest.from_function(view, default_timeout=60), preset="soorya")
    assert "Cannot be built" not in form.get("html")[0].proto.body
    form.select_slider(key=KERNEL).set_value(5).run()
    (drawing,) = form.get("html")
    assert "layer 5" in drawing.proto.body
    assert "Cannot be built" in drawing.proto.body
    assert form.button(key="train").disabled


def test_a_network_without_convolutions_has_a_sentence_for_their_sliders(form: AppTest) -> None:
    opened(form, preset="purawr")
    keys = [slider.key for slider in [*form.slider, *form.select_slider]]
    assert keys == [EPOCHS, RATE]
    assert any("no convolution" in caption.value for caption in form.caption)
    assert got(form) == PRESETS["purawr"].recipe.changed(dataset="mnist-sample")


def test_too_large_a_network_for_the_server_is_said_and_still_shown(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_PARAMETERS", "60000")
    opened(form)
    assert not form.error
    form.slider(key=FILTERS).set_value(64).run()
    assert "at most 60,000 parameters" in form.error[0].value
    assert got(form).architecture.parameters > 60_000


def test_a_slider_of_a_network_that_is_gone_changes_nothing() -> None:
    # As when a preset is chosen in the same moment: block 1 of purawr is a dense layer.
    late = block_setting(1, ConvBlock(8), "filters", "conv.filters")
    draft = Draft.from_recipe(PRESETS["purawr"].recipe)
    assert late.changed(draft, 12) == draft
