"""What the settings begin with: a link, a run, a file; and how it comes back."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.recipes.presets import BEST, PRESETS
from core.recipes.recipe import recipe_to_link
from core.runs.permissions import JobCard, write_card
from tests.conftest import conv_recipe
from tests.helpers import settings_form
from tests.helpers.settings_form import (
    EPOCHS,
    FAST_ON_SAMPLE,
    FILTERS,
    KERNEL,
    RATE,
    everything,
    got,
    in_address,
    in_link,
    keep_run,
    opened,
)

no_own_runs, form = settings_form.no_own_runs, settings_form.form


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
    assert got(form).epochs == BEST.recipe.epochs
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
        (FAST_ON_SAMPLE.to_json().replace('"epochs": 10', '"epochs": 99').encode(), "at most 50"),
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
    assert f"at most 1 epoch, not {BEST.recipe.epochs}" in form.warning[0].value
    assert got(form) == PRESETS["best"].recipe.changed(epochs=1, dataset="mnist-sample")


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
