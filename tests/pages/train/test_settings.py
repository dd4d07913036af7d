"""The settings form: what is set is returned at once; neither levels nor links lose anything."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data.augmentation import Augmentation
from core.recipes.draft import ConvBlock, Draft
from core.recipes.presets import PRESETS
from core.recipes.recipe import Recipe, recipe_from_link, recipe_to_link
from core.runs import registry
from core.runs.permissions import JobCard, write_card
from pages.widgets.train.settings_fields import block_setting
from tests.conftest import conv_recipe

pytestmark = pytest.mark.long

FAST_ON_SAMPLE = PRESETS["fast"].recipe.changed(dataset="mnist-sample")
EPOCHS, FILTERS, KERNEL = "settings-epochs", "settings-filters", "settings-kernel-size"
RATE = "settings-optimizer.learning_rate"


def page() -> None:
    import streamlit as st

    from core.runs.permissions import limits
    from pages.widgets.train.settings_form import origin, settings

    # A link between pages leaves this key alone: it stands for a look at another page.
    if not st.session_state.get("elsewhere"):
        recipe = settings(limits())
        st.session_state["got"] = recipe.to_json() if recipe else None
        st.session_state["origin"] = origin()


@pytest.fixture(autouse=True)
def no_own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    # A link that was just replaced is taken for the browser's lag: tests are faster than people.
    monkeypatch.setattr("pages.widgets.train.settings_state._LAG_S", 0.0)
    return tmp_path


@pytest.fixture
def form() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def opened(form: AppTest, **link: str) -> AppTest:
    for name, value in link.items():
        form.query_params[name] = value
    form.run()
    assert not form.exception
    return form


def got(form: AppTest) -> Recipe:
    assert not form.exception
    return Recipe.from_json(form.session_state["got"])


def in_address(form: AppTest, name: str) -> str:
    found = form.query_params[name]
    return found if isinstance(found, str) else found[0]


def in_link(form: AppTest) -> Recipe:
    return recipe_from_link(in_address(form, "recipe"))


def everything(form: AppTest) -> AppTest:
    form.segmented_control(key="settings-level").set_value("Everything").run()
    return form


def chosen_block(form: AppTest, number: int) -> AppTest:
    form.radio(key="settings-block").set_value(number).run()
    return form


def listed_blocks(form: AppTest) -> list[str]:
    return [option.split("· ")[1] for option in form.radio(key="settings-block").options]


def test_a_newcomer_finds_the_fast_network_on_the_sample(form: AppTest) -> None:
    opened(form)
    assert got(form) == FAST_ON_SAMPLE
    assert form.session_state["origin"] == "fast"
    assert form.pills(key="settings-preset").value == "fast"
    assert not form.warning
    assert not form.error
    assert "recipe" not in form.query_params  # an empty link means the same


def test_every_simple_setting_is_in_the_recipe_at_once(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(7).run()
    assert got(form) == FAST_ON_SAMPLE.changed(epochs=7) == in_link(form)
    form.select_slider(key=RATE).set_value(0.002).run()
    assert got(form).optimizer.learning_rate == 0.002
    form.slider(key=FILTERS).set_value(8).run()
    form.select_slider(key=KERNEL).set_value(3).run()
    sizes = [
        (layer.filters, layer.kernel_size)
        for layer in got(form).architecture.layers
        if layer.kind == "conv"
    ]
    assert sizes == [(8, 3), (16, 3), (32, 3)]
    form.toggle(key="settings-augment").set_value(True).run()
    assert got(form).augmentation == PRESETS["best"].recipe.augmentation
    form.radio(key="settings-dataset").set_value("mnist").run()
    assert got(form).dataset == "mnist"
    assert got(form).epochs == 7
    assert in_link(form) == got(form)


def test_two_changes_in_one_go_both_count(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(9)
    form.slider(key=FILTERS).set_value(20).run()
    assert got(form).epochs == 9
    assert got(form).architecture.layers[0].filters == 20  # type: ignore[union-attr]


def test_a_preset_resets_everything_but_the_dataset(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(30).run()
    form.pills(key="settings-preset").set_value("katariya").run()
    assert got(form) == PRESETS["katariya"].recipe.changed(dataset="mnist-sample")
    assert form.session_state["origin"] == "katariya"
    assert form.slider(key=EPOCHS).value == 5
    assert form.slider(key=FILTERS).value == 32
    assert form.select_slider(key=RATE).value == 0.001
    assert form.toggle(key="settings-augment").value is True
    assert PRESETS["katariya"].about in [caption.value for caption in form.caption]


def test_pressing_the_chosen_preset_again_brings_its_settings_back(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(30).run()
    form.pills(key="settings-preset").set_value(None).run()
    assert form.pills(key="settings-preset").value == "fast"
    assert got(form) == FAST_ON_SAMPLE
    assert form.slider(key=EPOCHS).value == FAST_ON_SAMPLE.epochs


def test_back_to_the_start_is_offered_once_something_differs(form: AppTest) -> None:
    opened(form)
    assert form.button(key="settings-restart").disabled
    form.radio(key="settings-dataset").set_value("mnist").run()
    assert form.button(key="settings-restart").disabled
    form.slider(key=EPOCHS).set_value(30).run()
    assert not form.button(key="settings-restart").disabled
    form.button(key="settings-restart").click().run()
    assert got(form) == PRESETS["fast"].recipe


@pytest.mark.parametrize("name", PRESETS)
def test_a_link_opens_with_the_same_settings(form: AppTest, name: str) -> None:
    recipe = PRESETS[name].recipe.changed(epochs=11, dataset="mnist-sample", seed=4)
    opened(form, recipe=recipe_to_link(recipe))
    assert got(form) == recipe == in_link(form)
    assert form.slider(key=EPOCHS).value == 11
    everything(form)
    assert got(form) == recipe
    assert form.number_input(key="settings-seed-number").value == 4
    assert form.number_input(key=f"{RATE}-number").value == recipe.optimizer.learning_rate


def test_a_preset_in_the_link_is_taken_over_as_if_it_were_chosen(form: AppTest) -> None:
    opened(form, preset="soorya", training="xyz")
    # On the digits that were chosen: what is in a link shall not cost a download.
    wanted = PRESETS["soorya"].recipe.changed(dataset="mnist-sample")
    assert got(form) == wanted == in_link(form)
    assert "preset" not in form.query_params
    assert in_address(form, "training") == "xyz"
    # Once: what is changed afterwards stays.
    form.slider(key=EPOCHS).set_value(2).run()
    assert got(form).epochs == 2


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"recipe": "nonsense"}, "The settings in the link cannot be read"),
        ({"recipe": ""}, "The settings in the link cannot be read"),
        ({"recipe": "1" * 9000}, "longer than 4,000"),
        ({"preset": "resnet"}, "preset “resnet” that does not exist"),
        ({"preset": "![x](http://x)" * 99}, "that does not exist"),
        ({"from": "gone"}, "run “gone” that cannot be read"),
        ({"from": "../../etc"}, "run “etc” that cannot be read"),
    ],
)
def test_nonsense_in_the_link_is_a_sentence_above_the_default(
    form: AppTest, link: dict[str, str], sentence: str
) -> None:
    opened(form, **link)
    assert sentence in form.warning[0].value
    assert len(form.warning[0].value) < 400
    assert got(form) == FAST_ON_SAMPLE
    if "recipe" in link:
        assert "The settings below are the usual ones." in form.warning[0].value
    # Gone as soon as something is set.
    form.slider(key=EPOCHS).set_value(5).run()
    assert not form.warning
    assert got(form) == FAST_ON_SAMPLE.changed(epochs=5) == in_link(form)


def test_nonsense_in_the_link_takes_no_settings_away(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    opened(form, recipe="nonsense")
    assert "The settings below are those from before." in form.warning[0].value
    assert got(form).epochs == 13
    assert form.slider(key=EPOCHS).value == 13


def test_back_in_the_browser_brings_the_former_settings_and_their_start(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    before = in_address(form, "recipe")
    form.pills(key="settings-preset").set_value("best").run()
    assert got(form).epochs == 16
    opened(form, recipe=before)
    assert got(form) == FAST_ON_SAMPLE.changed(epochs=13)
    assert form.pills(key="settings-preset").value == "fast"
    assert form.slider(key=EPOCHS).value == 13


def test_a_link_that_lags_behind_changes_nothing(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.train.settings_state._LAG_S", 60.0)
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    before = in_address(form, "recipe")
    form.slider(key=EPOCHS).set_value(14).run()
    opened(form, recipe=before)  # a rerun that the browser asked for before it had the new link
    assert got(form).epochs == 14 == in_link(form).epochs


def test_a_slider_counts_more_than_a_link_that_lags_behind(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    before = in_address(form, "recipe")
    form.slider(key=EPOCHS).set_value(14).run()
    form.slider(key=FILTERS).set_value(20)
    opened(form, recipe=before)
    assert got(form).epochs == 14
    assert form.slider(key=FILTERS).value == 20


def test_a_run_is_something_to_start_from(form: AppTest, no_own_runs: Path) -> None:
    recipe = keep_run(no_own_runs, "mine", conv_recipe(epochs=3))
    opened(form)
    form.selectbox(key="settings-run").set_value("mine").run()
    assert got(form) == recipe
    assert form.session_state["origin"] == "mine"
    assert form.pills(key="settings-preset").value is None
    form.slider(key=EPOCHS).set_value(4).run()
    form.button(key="settings-restart").click().run()
    assert got(form) == recipe
    form.pills(key="settings-preset").set_value("best").run()
    assert form.selectbox(key="settings-run").value is None


def test_a_run_in_the_link_is_taken_over(form: AppTest, no_own_runs: Path) -> None:
    recipe = keep_run(no_own_runs, "mine", conv_recipe(epochs=3))
    opened(form, **{"from": "mine"})
    assert got(form) == recipe
    assert form.session_state["origin"] == "mine"
    assert "from" not in form.query_params


def test_a_run_that_was_deleted_meanwhile_loses_no_settings(
    form: AppTest, no_own_runs: Path
) -> None:
    recipe = keep_run(no_own_runs, "mine", conv_recipe(epochs=3))
    opened(form, **{"from": "mine"})
    shutil.rmtree(no_own_runs / "mine")
    form.slider(key=EPOCHS).set_value(4).run()
    assert got(form) == recipe.changed(epochs=4)
    form.button(key="settings-restart").click().run()
    assert "mine can no longer be started from" in form.warning[0].value
    assert got(form) == recipe.changed(epochs=4)


def keep_run(folder: Path, name: str, recipe: Recipe) -> Recipe:
    """A run of that recipe among the visitor's own."""
    shutil.copytree(registry.SHIPPED_FOLDER / "purawr", folder / name)
    info = registry.read_run(folder / name).info.model_copy(update={"recipe": recipe})
    (folder / name / "run.json").write_text(info.model_dump_json())
    return recipe


def test_levels_and_other_pages_lose_nothing(form: AppTest) -> None:
    opened(form, preset="best")
    everything(form)
    form.number_input(key=f"{RATE}-number").set_value(0.0035).run()
    form.slider(key="settings-label_smoothing").set_value(0.15).run()
    form.number_input(key="settings-seed-number").set_value(77).run()
    wanted = got(form)
    assert (wanted.optimizer.learning_rate, wanted.label_smoothing, wanted.seed) == (
        0.0035,
        0.15,
        77,
    )
    form.segmented_control(key="settings-level").set_value("Simple").run()
    # Not one of the slider's own 1, 2, 5, but it is shown.
    assert form.select_slider(key=RATE).value == 0.0035
    assert got(form) == wanted
    form.session_state["elsewhere"] = True
    form.run()
    del form.query_params["recipe"]
    form.session_state["elsewhere"] = False
    form.run()
    assert got(form) == wanted == in_link(form)
    assert form.select_slider(key=RATE).value == 0.0035


def test_every_setting_of_training_reaches_the_recipe(form: AppTest) -> None:
    everything(opened(form))
    form.selectbox(key="settings-optimizer.kind").set_value("sgd").run()
    form.number_input(key="settings-optimizer.momentum-number").set_value(0.9).run()
    form.slider(key="settings-optimizer.weight_decay").set_value(0.01).run()
    form.selectbox(key="settings-schedule.kind").set_value("constant").run()
    form.selectbox(key="settings-loss").set_value("categorical_crossentropy").run()
    form.slider(key="settings-label_smoothing").set_value(0.1).run()
    form.select_slider(key="settings-batch_size").set_value(64).run()
    form.selectbox(key="settings-scaling").set_value("divide-255").run()
    form.slider(key="settings-validation_split").set_value(0.2).run()
    form.slider(key="settings-early_stopping").set_value(3).run()
    form.toggle(key="settings-keep_best").set_value(True).run()
    form.radio(key="settings-dataset").set_value("mnist").run()
    form.toggle(key="settings-exclude_sample_test").set_value(False).run()
    form.slider(key="settings-augmentation.rotation").set_value(9.0).run()
    form.slider(key="settings-augmentation.zoom").set_value(0.1).run()
    assert got(form) == PRESETS["fast"].recipe.changed(
        optimizer={
            "kind": "sgd",
            "learning_rate": 0.01,
            "beta_2": 0.99,
            "momentum": 0.9,
            "weight_decay": 0.01,
        },
        schedule={"kind": "constant"},
        loss="categorical_crossentropy",
        label_smoothing=0.1,
        batch_size=64,
        scaling="divide-255",
        validation_split=0.2,
        early_stopping=3,
        keep_best=True,
        exclude_sample_test=False,
        augmentation=Augmentation(rotation=9, zoom=0.1),
    )
    assert form.slider(key="settings-schedule.warmup").disabled
    form.selectbox(key="settings-validation").set_value("none").run()
    assert form.slider(key="settings-early_stopping").disabled
    assert "validation" in form.slider(key="settings-early_stopping").help
    assert not got(form).validates


def test_blocks_are_changed_moved_added_and_removed(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    conv, flatten, dense = (
        "Conv 28, 3×3, relu, max pooling 2×2",
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
    conv = "Conv 12, 3×3, batch norm, relu, average pooling 3×3, dropout 0.15"
    assert listed_blocks(form)[0] == conv
    assert [str(layer) for layer in got(form).architecture.layers[:5]] == [
        "Conv2D 12 kernels 3×3",
        "Batch normalisation",
        "Activation relu",
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
    next(b for b in form.button if b.label.startswith("Back to the last settings")).click().run()
    assert got(form) == soorya.changed(epochs=9)
    assert form.select_slider(key=KERNEL).value == 3


def test_a_network_without_convolutions_has_a_sentence_for_their_sliders(form: AppTest) -> None:
    opened(form, preset="purawr")
    keys = [slider.key for slider in [*form.slider, *form.select_slider]]
    assert keys == [EPOCHS, RATE]
    assert any("no convolution" in caption.value for caption in form.caption)
    assert got(form) == PRESETS["purawr"].recipe.changed(dataset="mnist-sample")


@pytest.mark.parametrize(
    ("key", "value"),
    [(f"{RATE}-number", 0.0035), ("settings-optimizer.beta_2-number", 0.95)],
)
def test_an_emptied_number_comes_back(form: AppTest, key: str, value: float) -> None:
    everything(opened(form))
    form.number_input(key=key).set_value(value).run()
    form.number_input(key="settings-seed-number").set_value(77).run()
    before = got(form)
    form.number_input(key=key).set_value(None).run()
    form.number_input(key="settings-seed-number").set_value(None).run()
    assert got(form) == before
    assert form.number_input(key=key).value == value
    assert form.number_input(key="settings-seed-number").value == 77


def test_a_link_with_both_a_preset_and_a_run_is_followed_once(form: AppTest) -> None:
    opened(form, preset="yalcin", **{"from": "best"})
    assert form.session_state["origin"] == "yalcin"
    assert not {"preset", "from"} & set(form.query_params)
    form.run()
    assert form.session_state["origin"] == "yalcin"


def test_a_run_that_is_taken_out_gives_way_to_the_usual_start(
    form: AppTest, no_own_runs: Path
) -> None:
    keep_run(no_own_runs, "mine", conv_recipe(epochs=3))
    opened(form)
    form.selectbox(key="settings-run").set_value("mine").run()
    form.selectbox(key="settings-run").set_value(None).run()
    assert got(form) == FAST_ON_SAMPLE
    assert form.pills(key="settings-preset").value == "fast"


def test_back_to_before_the_first_change_takes_it_back(form: AppTest) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    del form.query_params["recipe"]
    form.run()
    assert got(form) == FAST_ON_SAMPLE
    assert form.slider(key=EPOCHS).value == FAST_ON_SAMPLE.epochs
    assert "recipe" not in form.query_params


def test_a_run_of_before_the_first_link_takes_nothing_back(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.train.settings_state._LAG_S", 60.0)
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    del form.query_params["recipe"]
    form.run()
    assert got(form).epochs == 13 == in_link(form).epochs


def test_a_link_beyond_two_limits_promises_nothing_for_both(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "10")
    monkeypatch.setenv("DIGITSCOPE_MAX_PARAMETERS", "50000")
    opened(form, recipe=recipe_to_link(PRESETS["best"].recipe.changed(dataset="mnist-sample")))
    assert "The settings below were" not in form.warning[0].value
    assert "at most 10 epochs" in form.warning[0].value
    assert "at most 50,000 parameters" in form.error[0].value


def uploaded(form: AppTest, content: bytes, name: str = "recipe.json") -> AppTest:
    """Choose a file, as in the browser's dialog."""
    (uploader,) = form.file_uploader
    uploader.upload(name, content, "application/json").run()
    assert not form.exception
    return form


def test_a_recipe_that_was_taken_away_is_brought_back(form: AppTest) -> None:
    recipe = conv_recipe(epochs=3, seed=9)
    opened(form)
    form.slider(key=EPOCHS).set_value(30).run()
    uploaded(form, recipe.to_json().encode(), "my *net*.json")
    assert got(form) == recipe == in_link(form)
    assert form.slider(key=EPOCHS).value == 3
    assert form.session_state["origin"] == ""
    assert form.pills(key="settings-preset").value is None
    assert r"The settings of the file my \*net\*.json." in [each.value for each in form.caption]
    assert not form.warning


def test_a_file_is_taken_over_once_and_later_changes_stay(form: AppTest) -> None:
    recipe = conv_recipe(epochs=3)
    uploaded(opened(form), recipe.to_json().encode())
    form.slider(key=EPOCHS).set_value(8).run()
    form.run()
    assert got(form) == recipe.changed(epochs=8) == in_link(form)
    form.session_state["elsewhere"] = True
    form.run()
    form.session_state["elsewhere"] = False
    form.run()
    assert got(form).epochs == 8
    # Unless it is opened again.
    assert got(uploaded(form, recipe.to_json().encode())) == recipe
    form.pills(key="settings-preset").set_value("fast").run()
    assert "The settings of the file" not in "".join(each.value for each in form.caption)


def test_the_file_of_a_preset_is_known_as_it(form: AppTest) -> None:
    best = PRESETS["best"].recipe.changed(dataset="mnist-sample")
    uploaded(opened(form), best.to_json().encode())
    assert got(form) == best
    assert form.session_state["origin"] == "best"


IMPOSSIBLE = PRESETS["soorya"].recipe.to_json().replace('"kernel_size": 3', '"kernel_size": 5')
UNKNOWN = FAST_ON_SAMPLE.to_json().removesuffix("}") + f', "{"x" * 40_000}": 1}}'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x00\xff no text", "no text in UTF-8"),
        (b"no JSON", "no JSON, or was cut off"),
        (b'{"cells": [], "nbformat": 4}', "it describes no network"),
        (b"[" + b"1," * 30_000 + b"1]", "it has 60,003 bytes"),
        (FAST_ON_SAMPLE.to_json().replace('"epochs": 2', '"epochs": 99').encode(), "at most 50"),
        (IMPOSSIBLE.encode(), "layer 5 (Conv2D 64 kernels 5×5, relu) leaves nothing"),
        (UNKNOWN.encode(), "The recipe cannot be used: xxx"),
    ],
)
def test_a_bad_file_is_a_sentence_and_loses_no_settings(
    form: AppTest, content: bytes, sentence: str
) -> None:
    opened(form)
    form.slider(key=EPOCHS).set_value(13).run()
    uploaded(form, content)
    (warning,) = [each.value.replace("\\", "") for each in form.warning]
    assert sentence in warning
    assert "The settings below are those from before." in warning
    assert len(warning) < 400
    assert got(form) == FAST_ON_SAMPLE.changed(epochs=13) == in_link(form)
    # Gone as soon as something is set, and not there again with the next drawing.
    form.slider(key=EPOCHS).set_value(5).run()
    form.run()
    assert not form.warning
    assert got(form).epochs == 5


def test_a_bad_file_leaves_a_network_alone_that_cannot_be_built_either(form: AppTest) -> None:
    opened(form, preset="soorya")
    form.select_slider(key=KERNEL).set_value(5).run()
    uploaded(form, b"no JSON")
    assert form.select_slider(key=KERNEL).value == 5
    assert form.session_state["got"] is None
    uploaded(form, conv_recipe().to_json().encode())
    assert got(form) == conv_recipe()


def test_a_servers_limits_hold_for_files(form: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "1")
    monkeypatch.setenv("DIGITSCOPE_DATASETS", "mnist-sample")
    uploaded(opened(form), PRESETS["best"].recipe.to_json().encode())
    assert "at most 1 epoch, not 16" in form.warning[0].value
    assert got(form) == PRESETS["best"].recipe.changed(epochs=1, dataset="mnist-sample")


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


def test_nothing_is_shown_as_if_it_counted_that_does_not(form: AppTest) -> None:
    recipe = FAST_ON_SAMPLE.changed(
        validation_split=0.2, early_stopping=3, keep_best=True, exclude_sample_test=False
    )
    everything(opened(form, recipe=recipe_to_link(recipe)))
    split = "settings-validation_split"
    patience, best = "settings-early_stopping", "settings-keep_best"
    # The sample's test digits are never trained on.
    assert form.toggle(key="settings-exclude_sample_test").value is True
    assert got(form) == recipe
    form.selectbox(key="settings-validation").set_value("test").run()
    assert (form.slider(key=split).value, form.slider(key=split).disabled) == (0, True)
    assert (form.slider(key=patience).value, form.toggle(key=best).value) == (3, True)
    form.selectbox(key="settings-validation").set_value("none").run()
    assert (form.slider(key=split).value, form.slider(key=patience).value) == (0, 0)
    assert form.toggle(key=best).value is False
    form.selectbox(key="settings-schedule.kind").set_value("constant").run()
    assert form.slider(key="settings-schedule.warmup").value == 0
    # All of it comes back.
    form.selectbox(key="settings-schedule.kind").set_value("one-cycle").run()
    form.selectbox(key="settings-validation").set_value("split").run()
    assert (form.slider(key=split).value, form.slider(key=patience).value) == (0.2, 3)
    assert got(form) == recipe


def test_a_size_is_asked_for_only_where_something_is_pooled(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    size = "settings-block-0-pool_size"
    form.select_slider(key=size).set_value(3).run()
    form.selectbox(key="settings-block-0-pool").set_value("none").run()
    assert size not in [each.key for each in form.select_slider]
    form.selectbox(key="settings-block-0-pool").set_value("max").run()
    assert form.select_slider(key=size).value == 3


def test_what_has_no_effect_is_shut_and_shows_none(form: AppTest) -> None:
    everything(opened(form, preset="best"))
    smoothing = "settings-label_smoothing"
    assert form.slider(key=smoothing).value == 0.05
    form.selectbox(key="settings-loss").set_value("sparse_categorical_crossentropy").run()
    assert (form.slider(key=smoothing).value, form.slider(key=smoothing).disabled) == (0, True)
    form.selectbox(key="settings-loss").set_value("categorical_crossentropy").run()
    assert form.slider(key=smoothing).value == 0.05
    assert form.toggle(key="settings-exclude_sample_test").disabled
    form.radio(key="settings-dataset").set_value("mnist").run()
    assert not form.toggle(key="settings-exclude_sample_test").disabled


def test_the_steps_of_numbers_fit_their_usual_values(form: AppTest) -> None:
    everything(opened(form, preset="yalcin"))
    rate = form.number_input(key=f"{RATE}-number")
    assert rate.min <= rate.value - rate.step  # one step down is possible
    beta = form.number_input(key="settings-optimizer.beta_2-number")
    assert beta.value - beta.step == pytest.approx(0.998)


def test_a_servers_limits_hold_for_sliders_presets_and_links(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "10")
    monkeypatch.setenv("DIGITSCOPE_DATASETS", "mnist-sample")
    opened(form, recipe=recipe_to_link(PRESETS["best"].recipe))
    assert "at most 10 epochs" in form.warning[0].value
    assert got(form) == PRESETS["best"].recipe.changed(epochs=10, dataset="mnist-sample")
    assert form.slider(key=EPOCHS).max == 10
    assert form.radio(key="settings-dataset").options == ["mnist-sample"]
    form.pills(key="settings-preset").set_value("yalcin").run()
    assert got(form).epochs == 10


def test_a_limit_of_one_epoch_leaves_nothing_to_slide(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "1")
    opened(form)
    assert got(form).epochs == 1


def test_too_large_a_network_for_the_server_is_said_and_still_shown(
    form: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_PARAMETERS", "50000")
    opened(form)
    assert not form.error
    form.slider(key=FILTERS).set_value(64).run()
    assert "at most 50,000 parameters" in form.error[0].value
    assert got(form).architecture.parameters > 50_000


@pytest.mark.usefixtures("only_sample")
def test_a_dataset_that_is_not_here_says_what_it_costs(form: AppTest) -> None:
    opened(form)
    radio = form.radio(key="settings-dataset").proto
    sample, full = radio.captions
    assert "4,000" in sample
    assert "11 MB" not in sample
    assert "60,000" in full
    assert "11 MB" in full


@pytest.mark.parametrize("level", ["Simple", "Everything"])
def test_the_form_follows_a_slider(form: AppTest, level: str) -> None:
    opened(form, preset="best")
    form.segmented_control(key="settings-level").set_value(level).run()
    for epochs in range(1, 8):
        form.slider(key=EPOCHS).set_value(epochs).run()
        assert got(form).epochs == epochs


def test_a_slider_of_a_network_that_is_gone_changes_nothing() -> None:
    # As when a preset is chosen in the same moment: block 1 of purawr is a dense layer.
    late = block_setting(1, ConvBlock(8), "filters", "conv.filters")
    draft = Draft.from_recipe(PRESETS["purawr"].recipe)
    assert late.changed(draft, 12) == draft


def test_runs_of_one_title_can_be_told_apart(form: AppTest, no_own_runs: Path) -> None:
    for name, epochs in (("one", 3), ("two", 4)):
        keep_run(no_own_runs, name, conv_recipe(epochs=epochs))
        write_card(no_own_runs / name, JobCard(title="*My* net"))
    opened(form)
    assert sorted(form.selectbox(key="settings-run").options) == [
        "*My* net (one)",
        "*My* net (two)",
    ]
    form.selectbox(key="settings-run").set_value("two").run()
    assert got(form).epochs == 4
